import StrictJSON
import Testing

@testable import PantryReplay

@Suite("What became of an order")
struct OrderResultTests {
    private static func answer(_ status: Int, _ body: JSONValue, isReplay: Bool = false) -> APIOutcome {
        .answered(APIAnswer(status: status, isReplay: isReplay, body: Array(body.serialized().utf8)))
    }

    private static let outcomes: [(APIOutcome, OrderOutcome)] = [
        (answer(201, ["status": "confirmed"]), .confirmed),
        (answer(202, ["status": "pending", "payment": ["status": "queued"]]), .queued),
        (answer(202, ["status": "pending", "payment": ["status": "processing"]]), .processing),
        (answer(200, ["status": "canceled"]), .canceled),
        (answer(402, ["code": "payment-declined", "orderId": "ord_1"]), .declined),
        (answer(409, ["code": "out-of-stock"]), .outOfStock),
        (answer(503, ["code": "payment-unavailable"]), .paymentUnavailable),
        (answer(503, ["code": "overloaded"]), .refused),
        (answer(409, ["code": "idempotency-in-progress"]), .refused),
        (answer(422, ["code": "invalid"]), .refused), (.noAnswer("closed"), .unanswered),
    ]

    @Test(arguments: outcomes.indices)
    func answersAreUnderstood(index: Int) {
        #expect(OrderOutcome(Self.outcomes[index].0) == Self.outcomes[index].1)
    }

    @Test func onlyWhatMayHelpIsSentAgain() {
        for code in ["overloaded", "shard-unavailable"] {
            #expect(OrderSender.pause(after: Self.answer(503, ["code": .string(code)]), attempt: 1) != nil)
        }
        #expect(OrderSender.pause(after: .noAnswer("closed"), attempt: 1) != nil)
        #expect(OrderSender.pause(after: Self.answer(409, ["code": "idempotency-in-progress"]), attempt: 1) != nil)
        for (status, code) in [
            (201, ""), (402, "payment-declined"), (409, "out-of-stock"), (422, "idempotency-key-reused"),
            (503, "payment-unavailable"), (500, "internal"), (401, "unauthorized"),
        ] {
            #expect(OrderSender.pause(after: Self.answer(status, ["code": .string(code)]), attempt: 1) == nil)
        }
        #expect(OrderSender.pause(after: .noAnswer("closed"), attempt: 1_000) == .seconds(2))
    }

    @Test func aProblemIsTheSameButForTheRequestItAnswers() throws {
        let one = Self.answer(409, ["code": "out-of-stock", "requestId": "a"]).answer
        let two = Self.answer(409, ["code": "out-of-stock", "requestId": "b"], isReplay: true).answer
        let other = Self.answer(409, ["code": "out-of-stock", "lines": []]).answer
        #expect(try #require(one).says(theSameAs: try #require(two)))
        #expect(try !#require(one).says(theSameAs: try #require(other)))
    }

    @Test func theSameBasketMakesTheSameBody() {
        let basket = Basket(
            id: "7", store: "292", placedAt: nil, items: [.init(sku: "A", quantity: 2)], line: 2)
        var moved = basket
        moved.line = 9
        let body = OrderDraft(key: "basket-7", basket: basket).body
        #expect(body == OrderDraft(key: "basket-7", basket: moved).body)
        #expect(
            body == #"{"items":[{"sku":"A","quantity":2}],"metadata":{"basketId":"7","storeId":"292"}}"#)
    }

    @Test func repeatsThatDifferAreNoted() {
        var books = DemoBooks()
        let first = Self.answer(201, ["id": "ord_1"])
        books.compare("same", [first, Self.answer(201, ["id": "ord_1"], isReplay: true)], underWay: false)
        #expect(books.repeats == 1 && books.sameAnswers == 1 && books.faults == [])
        books.compare("another", [first, Self.answer(201, ["id": "ord_2"], isReplay: true)], underWay: false)
        books.compare("twice first", [first, first], underWay: true)
        books.compare("lost", [first, .noAnswer("closed")], underWay: true)
        #expect(books.repeats == 4 && books.sameAnswers == 1 && books.faultCount == 3)
    }

    @Test func anImportCountsWhatItPlacedAndWhatWasThere() {
        var report = BasketImportReport()
        let basket = Basket(id: "7", items: [.init(sku: "A", quantity: 2)], line: 2)
        let body: JSONValue = ["id": "ord_1", "status": "confirmed", "total": ["amount": 500, "currency": "USD"]]
        func add(_ outcome: APIOutcome) { report.add(OrderResult(answer: outcome, duration: .zero), of: basket) }
        add(Self.answer(201, body))
        add(Self.answer(201, body, isReplay: true))
        #expect(report.placed == 1 && report.replayed == 1 && report.units == 4 && report.money == ["USD": 1_000])
        #expect(report.isComplete)
        add(Self.answer(409, ["code": "out-of-stock", "detail": "too few"]))
        #expect(report.faults.map(\.code) == ["out-of-stock"] && !report.isComplete && report.failed == 0)
        add(Self.answer(422, ["code": "invalid", "errors": [["pointer": "/items/0/sku", "detail": "not sold"]]]))
        #expect(report.failed == 1 && report.faults.last?.detail.contains("not sold") == true)
        add(.noAnswer("closed"))
        #expect(report.breakOff != nil && report.baskets == 5)
    }

    /// The server committed, the connection broke, and the second attempt's answer was taken for an earlier import's.
    @Test func aRepeatAfterALostAnswerIsOurOwn() {
        let replayed = APIOutcome.answered(APIAnswer(status: 201, isReplay: true, body: []))
        #expect(OrderResult(answer: replayed, duration: .zero).isReplay)
        #expect(!OrderResult(answer: replayed, duration: .zero, attempts: 2, followsLostAnswer: true).isReplay)
    }
}
