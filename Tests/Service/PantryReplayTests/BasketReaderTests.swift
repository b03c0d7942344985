import Synchronization
import Testing

@testable import PantryReplay

@Suite("Reading baskets")
struct BasketReaderTests {
    /// Everything that a text has, read in pieces of `size` bytes.
    private func entries(_ text: String, pieces size: Int = 7) async throws -> [BasketEntry] {
        let rest = Mutex(Array(text.utf8)[...])
        var reader = BasketReader { () throws(BasketFileError) in
            rest.withLock { rest in
                defer { rest = rest.dropFirst(size) }
                return Array(rest.prefix(size))
            }
        }
        var entries: [BasketEntry] = []
        while let entry = try await reader.next() { entries.append(entry) }
        return entries
    }

    private func basket(
        _ id: String, _ items: [(String, Int64)], line: Int, store: String? = nil, placedAt: String? = nil
    ) -> BasketEntry {
        .basket(
            Basket(
                id: id, store: store, placedAt: placedAt, items: items.map { .init(sku: $0.0, quantity: $0.1) },
                line: line))
    }

    @Test(arguments: [1, 2, 7, 64, 10_000])
    func linesOfABasketStandTogether(size: Int) async throws {
        let text = """
            placed_at,store_id,basket_id,sku,quantity
            2017-01-01T13:22:42Z,292,31,995242,1
            2017-01-01T13:22:42Z,292,31,1022254,3
            2017-01-01T13:25:00Z,304,32,995242,2
            """
        #expect(
            try await entries(text, pieces: size) == [
                basket(
                    "31", [("995242", 1), ("1022254", 3)], line: 2, store: "292", placedAt: "2017-01-01T13:22:42Z"),
                basket("32", [("995242", 2)], line: 4, store: "304", placedAt: "2017-01-01T13:25:00Z"),
            ])
    }

    @Test func columnsMayStandInAnyOrderAndBeQuoted() async throws {
        let text = "\u{FEFF}\"quantity\",sku,extra,basket_id\r\n 2 ,\"A-1\",\"x, \"\"y\"\"\nz\",b\r\n\r\n1,A-2,,b\r\n"
        #expect(try await entries(text) == [basket("b", [("A-1", 2), ("A-2", 1)], line: 2)])
    }

    @Test func aBadLineSpoilsItsWholeBasketAndNoOther() async throws {
        let text = """
            basket_id,sku,quantity
            a,TEA,1
            b,TEA,1
            b,TEA,0
            b,TEA,1
            c,,1
            c,TEA,1
            d,TEA,1
            """
        let found = try await entries(text)
        #expect(found.count == 4)
        #expect(found.first == basket("a", [("TEA", 1)], line: 2))
        #expect(found.last == basket("d", [("TEA", 1)], line: 8))
        let faults = found.compactMap { entry in if case .fault(let fault) = entry { fault } else { nil } }
        #expect(faults.map(\.basket) == ["b", "c"] && faults.map(\.line) == [4, 6])
        #expect(faults.allSatisfy { $0.code == "invalid" && !$0.detail.isEmpty })
    }

    @Test func aLineWithoutAnIdMayBelongToTheBasketBeforeIt() async throws {
        let found = try await entries("basket_id,sku,quantity\na,TEA,1\nTEA,1\nb,TEA,1\n")
        guard case .fault(let fault) = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(fault.basket == "a" && fault.line == 3)
        #expect(found.dropFirst() == [basket("b", [("TEA", 1)], line: 4)])
    }

    @Test func aBasketHasAtMostAThousandLines() async throws {
        let lines = (1...1_001).map { "big,SKU-\($0),1\n" }.joined()
        let found = try await entries("basket_id,sku,quantity\n" + lines + "b,TEA,1\n", pieces: 4_096)
        guard case .fault(let fault) = found.first else {
            Issue.record("\(found.count) entries")
            return
        }
        #expect(fault.code == "too-many-lines" && fault.line == 1_002 && found.count == 2)
    }

    @Test func jsonLines() async throws {
        let text = """

            {"basketId": 7, "storeId": 292, "placedAt": "2017-01-01T13:22:42Z", "items": [{"sku": "A", "quantity": 2}]}
            {"basketId": "8", "items": [{"sku": "A", "quantity": 1}, {"sku": "B", "quantity": 1}]}
            """
        #expect(
            try await entries(text) == [
                basket("7", [("A", 2)], line: 2, store: "292", placedAt: "2017-01-01T13:22:42Z"),
                basket("8", [("A", 1), ("B", 1)], line: 3),
            ])
    }

    @Test(arguments: [
        #"{"basketId": "1", "items": []}"#, #"{"items": [{"sku": "A", "quantity": 1}]}"#,
        #"{"basketId": "1", "items": [{"sku": "A", "quantity": 0}]}"#,
        #"{"basketId": "1", "items": [{"sku": "A"}]}"#, #"{"basketId": "1", "items": [{"sku": "A", "quantity": 1.5}]}"#,
        #"{"basketId": "1", "items": [{"sku": "A", "quantity": 1}], "other": 1}"#, #"{"basketId": "1", "items""#,
    ])
    func wrongJSONIsSaid(line: String) async throws {
        let found = try await entries(line + "\n" + #"{"basketId": "2", "items": [{"sku": "A", "quantity": 1}]}"#)
        guard case .fault(let fault) = found.first else {
            Issue.record("\(found)")
            return
        }
        #expect(fault.line == 1 && !fault.detail.isEmpty)
        #expect(found.last == basket("2", [("A", 1)], line: 2))
    }

    @Test(arguments: ["", "\n\n", "sku,name,amount\nA,B,1\n", "basket_id,sku,quantity\na,\"TEA,1\n"])
    func whatIsNoBasketFileIsRefused(text: String) async {
        await #expect(throws: BasketFileError.self) { try await entries(text) }
    }

    @Test func aLineWithoutAnEndIsRefusedBeforeItFillsTheMemory() async {
        var reader = BasketReader { () throws(BasketFileError) in [UInt8](repeating: UInt8(ascii: "x"), count: 65_536) }
        await #expect(throws: BasketFileError.self) { try await reader.next() }
    }

    @Test func theExampleIsRead() async throws {
        var root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
        root = "/" + root
        var reader = BasketReader(try BasketFile("\(root)/Examples/grocery/baskets.csv"), until: StopSign())
        var (baskets, lines) = (0, 0)
        while let entry = try await reader.next() {
            guard case .basket(let basket) = entry else {
                Issue.record("\(entry)")
                continue
            }
            baskets += 1
            lines += basket.items.count
        }
        #expect(baskets == 200 && lines == 687)
        #expect(throws: BasketFileError.self) { try BasketFile("\(root)/nowhere.csv") }
    }
}
