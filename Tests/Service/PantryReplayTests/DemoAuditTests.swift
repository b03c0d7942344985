import Testing

@testable import PantryReplay

@Suite("The demo's audit")
struct DemoAuditTests {
    private static let stocked: [[String: Int64]] = [["A": 10, "B": 5]]

    private static func sound() -> (DemoBooks, ServerRecords) {
        var books = DemoBooks()
        books.orders["ord_1"] = .init(organization: 0, outcome: .confirmed, total: 500, refunded: 250, units: 2)
        books.orders["ord_2"] = .init(organization: 0, outcome: .queued, total: 250, units: 1)
        books.orders["ord_3"] = .init(organization: 0, outcome: .declined, total: 0, units: 1)
        books.orders["ord_4"] = .init(organization: 0, outcome: .canceled, total: 300, units: 1)
        let records = ServerRecords(
            name: "Shop",
            orders: [
                .init(id: "ord_1", status: "confirmed", total: 500, captured: 500, refunded: 250, units: ["A": 2]),
                .init(id: "ord_2", status: "pending", total: 250, captured: 0, refunded: 0, units: ["A": 1]),
                .init(id: "ord_3", status: "failed", total: 250, captured: 0, refunded: 0, units: ["A": 1]),
                .init(id: "ord_4", status: "canceled", total: 300, captured: 300, refunded: 300, units: ["B": 1]),
            ],
            stock: [.init(sku: "A", onHand: 10, reserved: 3), .init(sku: "B", onHand: 5, reserved: 0)])
        return (books, records)
    }

    @Test func soundBooksHaveNoDiscrepancy() {
        let (books, records) = Self.sound()
        #expect(DemoAudit.discrepancies(books, [records], stocked: Self.stocked) == [])
        #expect(records.sales.orders == 1 && records.sales.units == 2 && records.sales.revenue == 250)
    }

    private static let faults: [(String, @Sendable (inout DemoBooks, inout ServerRecords) -> Void)] = [
        (
            "is not there",
            { books, records in
                records.orders.removeLast()
                _ = books
            }
        ),
        ("nobody was told", { books, _ in books.orders["ord_3"] = nil }),
        ("listed twice or", { _, records in records.orders.append(records.orders[3]) }),
        ("is confirmed", { _, records in records.orders[2].status = "confirmed" }),
        ("costs", { _, records in records.orders[0].total = 501 }),
        ("captured", { _, records in records.orders[0].captured = 499 }),
        ("refunded", { _, records in records.orders[3].refunded = 0 }),
        ("units", { _, records in records.orders[3].units = ["B": 2] }),
        ("reserved", { _, records in records.stock[0].reserved = 2 }),
        ("oversold", { _, records in records.stock[1].reserved = 6 }),
        ("on hand", { _, records in records.stock[1].onHand = 4 }),
        ("no stock", { _, records in records.stock.removeFirst() }),
    ]

    @Test(arguments: faults.indices)
    func eachFaultIsFound(index: Int) {
        var (books, records) = Self.sound()
        Self.faults[index].1(&books, &records)
        let found = DemoAudit.discrepancies(books, [records], stocked: Self.stocked)
        #expect(!found.isEmpty, "\(Self.faults[index].0)")
        let word = Self.faults[index].0 == "listed twice or" ? "twice" : Self.faults[index].0
        #expect(found.contains { $0.contains(word) }, "\(found)")
    }

    @Test func aSummaryAddsUpOrSaysWhatDoesNot() {
        var summary = DemoSummary()
        summary.requested = 0
        summary.race = .init(product: "Cake", units: 5, buyers: 50, winners: 5, outOfStock: 45, oversold: 0)
        summary.verification = .init(checked: 14, orders: 5, findings: [])
        #expect(summary.faults == [])
        #expect(summary.json.contains(#""ok":true"#))
        summary.race?.winners = 6
        #expect(!summary.faults.isEmpty)
        summary.race?.winners = 5
        summary.verification?.findings = ["shard-0: stock-balance: broken"]
        #expect(summary.faults == ["shard-0: stock-balance: broken"])
        #expect(summary.text(TextStyle(isColored: false)).contains("stock-balance"))
        #expect(!summary.text(TextStyle(isColored: false)).contains("\u{1B}"))
        #expect(summary.text(TextStyle(isColored: true)).contains("\u{1B}"))
        #expect(summary.json.contains(#""ok":false"#))
    }

    @Test func numbersAreReadable() {
        #expect(DemoSummary.grouped(1_234_567) == "1,234,567" && DemoSummary.grouped(-12) == "-12")
        #expect(DemoSummary.time(4_250) == "4.3 ms" && DemoSummary.time(42_500) == "43 ms")
        #expect(DemoSummary.time(1_500_000) == "1.5 s")
    }
}
