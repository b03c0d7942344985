import Determinism
import Foundation
import Storage
import Testing

@testable import PantryDomain

@Suite struct ValueTests {
    /// The contract: `pending → confirmed → fulfilled`, `pending → failed | expired | canceled`,
    /// `confirmed → canceled | refunded`.
    @Test func ordersMoveAsTheContractSays() {
        let contract: [OrderStatus: Set<OrderStatus>] = [
            .pending: [.confirmed, .failed, .expired, .canceled], .confirmed: [.fulfilled, .canceled, .refunded],
            .fulfilled: [], .failed: [], .expired: [], .canceled: [], .refunded: [],
        ]
        for status in OrderStatus.allCases { #expect(Set(status.next) == contract[status], "\(status)") }
        #expect(OrderStatus.allCases.filter(\.stands) == [.confirmed, .fulfilled])
        #expect(
            OrderStatus.allCases.map(\.rawValue) == [
                "pending", "confirmed", "fulfilled", "failed", "expired", "canceled", "refunded",
            ])
    }

    @Test func moneyIsMultipliedWithinBounds() {
        #expect(Money(250, "USD").times(4) == Money(1_000, "USD"))
        #expect(Money(Money.largestAmount, "USD").times(1)?.amount == Money.largestAmount)
        #expect(Money(Money.largestAmount, "USD").times(2) == nil)
        #expect(Money(Money.largestAmount, "USD").times(Int64.max) == nil)
        #expect(Money(1, "USD").times(Money.largestAmount + 1) == nil)
        for text in ["USD", "EUR", "ZZZ"] { #expect(Money.isCurrency(text)) }
        for text in ["", "US", "USDX", "usd", "U D", "€UR", "US1"] { #expect(!Money.isCurrency(text), "\(text)") }
    }

    @Test func skusAreOfTheContractsAlphabet() {
        for text in ["a", "A-1_b.9", String(repeating: "x", count: 64)] { #expect(SKU.isValid(text)) }
        for text in ["", "a b", "ä", "a/b", "a\u{0}", String(repeating: "x", count: 65)] { #expect(!SKU.isValid(text)) }
    }

    @Test(arguments: 0..<40) func linesComeBackAsTheyWere(_ seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let skus = ["a", "A.b-c_9", String(repeating: "9", count: 64)]
        let lines = (0..<Int(random.next(below: 20))).map { _ in
            OrderLine(
                sku: skus[Int(random.next(below: 3))], quantity: Int64(random.next(below: 1_000_000_000)) + 1,
                unitPrice: Money(Int64(random.next(below: UInt64(Money.largestAmount))) + 1, "USD"),
                amount: Money(Int64(random.next(below: UInt64(Money.largestAmount))) + 1, "USD"))
        }
        #expect(try OrderLine.decode(OrderLine.encode(lines)) == lines, "seed \(seed)")
    }

    @Test(arguments: [
        "", "{}", "[1]", "[{}]", #"[{"sku":"a"}]"#,
        #"[{"sku":"a","quantity":1.0,"unitPrice":{"amount":1,"currency":"X"},"amount":{"amount":1,"currency":"X"}}]"#,
        #"[{"sku":"a","quantity":1,"unitPrice":{"amount":1},"amount":{"amount":1,"currency":"USD"}}]"#,
    ])
    func linesThatAreNoneAreDamage(_ text: String) {
        #expect(throws: StorageError.self) { try OrderLine.decode(text) }
    }

    @Test func unitsAreSummedAndSorted() {
        let units = OrderLine.unitsBySKU([("b", 1), ("a", 2), ("b", 3), ("B", 4)])
        #expect(units.map(\.sku) == ["B", "a", "b"] && units.map(\.quantity) == [4, 2, 4])
        #expect(OrderLine.unitsBySKU([]).isEmpty)
    }

    @Test func slotsHaveTwelveBitsAndSpread() {
        let slots = (0..<4_096).map { Slot.of(organization: Int64($0)) }
        #expect(slots.allSatisfy { $0 < 4_096 })
        #expect(Set(slots).count > 2_400, "about 1 − 1/e of them are taken")
    }

    @Test func sagaInputsComeBackAsTheyWere() {
        var mint = IdentifierMint(seed: 1, slot: 9)
        let now = Timestamp(microseconds: 1)
        let full = SagaInput(organizationID: mint.next(at: now), traceparent: "00-\"a\"-01", refund: mint.next(at: now))
        let bare = SagaInput(organizationID: mint.next(at: now), traceparent: nil)
        for input in [full, bare] { #expect(SagaInput(json: input.json) == input) }
        for text in ["", "[]", "{}", #"{"organizationId":"ord_1"}"#] { #expect(SagaInput(json: text) == nil) }
    }
}

@Suite struct SealTests {
    private let seal = FleetSeal(secrets: [1: Array(repeating: 7, count: 32)])

    @Test func whatIsSealedIsOpenedForItsPurposeOnly() {
        for text in ["", "cursor", "ord_🥕", String(repeating: "x", count: 5_000)] {
            let sealed = seal.seal(text, for: .cursor)
            #expect(seal.open(sealed, for: .cursor) == text)
            #expect(seal.open(sealed, for: .answer) == nil)
            #expect(seal.seal(text, for: .cursor) != sealed, "no two are alike")
        }
    }

    @Test func everyChangedCharacterIsFoundOut() {
        let sealed = Array(seal.seal("page 2", for: .cursor).utf8)
        for index in sealed.indices {
            for bit in [UInt8(1), 4, 32] {
                var changed = sealed
                changed[index] ^= bit
                #expect(seal.open(String(decoding: changed, as: UTF8.self), for: .cursor) == nil, "at \(index)")
            }
        }
        for text in ["", ".", "1", "1.", "x.AAAA", "2.\(String(decoding: sealed.dropFirst(2), as: UTF8.self))"] {
            #expect(seal.open(text, for: .cursor) == nil)
        }
        #expect(seal.open(String(decoding: sealed.dropLast(), as: UTF8.self), for: .cursor) == nil)
    }

    @Test func secretsRotate() {
        let rotated = FleetSeal(secrets: [1: Array(repeating: 7, count: 32), 2: Array(repeating: 9, count: 32)])
        let retired = FleetSeal(secrets: [2: Array(repeating: 9, count: 32)])
        let (old, new) = (seal.seal("x", for: .cursor), rotated.seal("x", for: .cursor))
        #expect(rotated.open(old, for: .cursor) == "x" && rotated.open(new, for: .cursor) == "x")
        #expect(seal.open(new, for: .cursor) == nil)
        #expect(retired.open(new, for: .cursor) == "x" && retired.open(old, for: .cursor) == nil)
    }

    @Test func theFirstSecretIsMadeOnce() async throws {
        try await withStore { store in
            let one = try await FleetSecrets.load(store.control, time: store.time, random: SeededRandom(seed: 1))
            let two = try await FleetSecrets.load(store.control, time: store.time, random: SeededRandom(seed: 2))
            #expect(two.seal.open(one.seal.seal("shared", for: .answer), for: .answer) == "shared")
        }
    }

    @Test(arguments: 0..<60) func base64IsFoundationsWithoutPadding(_ count: Int) {
        let random = SeededRandom(seed: UInt64(count))
        let bytes = (0..<count).map { _ in UInt8(truncatingIfNeeded: random.next()) }
        let theirs = Data(bytes).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
        #expect(Base64URL.encode(bytes) == theirs.replacing("=", with: ""))
        #expect(Base64URL.decode(Base64URL.encode(bytes)) == bytes)
    }

    @Test(arguments: ["A", "AAAAA", "AB", "AAB", "AA==", "A+", "A/", "A A", "AÄ", "\u{0}A"])
    func textThatIsNoBase64IsRefused(_ text: String) {
        #expect(Base64URL.decode(text) == nil)
    }

    @Test func keysAreReadBackAndCompared() throws {
        var mint = IdentifierMint(seed: 3, slot: 1)
        let id: APIKeyID = mint.next(at: Timestamp(microseconds: 5))
        let secret = APIKeySecret(id: id, random: SeededRandom(seed: 4))
        let read = try #require(APIKeySecret(secret.text))
        #expect(read.id == id && read.digest == secret.digest && read.matches(secret.digest))
        #expect(secret.text.utf8.count == id.description.utf8.count + 1 + 43, "256 bits")
        #expect(!secret.digest.contains(secret.text.suffix(43)) && secret.digest.utf8.count == 64)
        let other = APIKeySecret(id: id, random: SeededRandom(seed: 5))
        #expect(!other.matches(secret.digest) && other.text != secret.text)
        for text in ["", ".", "key_", "\(id)", "ord_\(id.uuid.base32).x", String(repeating: "k", count: 200)] {
            #expect(APIKeySecret(text) == nil, "\(text)")
        }
        #expect(try #require(APIKeySecret("\(id).")).matches(secret.digest) == false)
    }

    @Test func digestsAreSHA256() {
        #expect(
            Digest.hexadecimal(Array("abc".utf8))
                == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(Digest.areEqual("aa", "aa") && !Digest.areEqual("aa", "ab") && !Digest.areEqual("a", "aa"))
    }
}
