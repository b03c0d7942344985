import Determinism
import DeterminismTestKit
import Sagas
import Storage
import StrictJSON
import Testing

@testable import PantryDomain

/// An organization in a store, with products.
struct Shop: Sendable {
    let store: Store
    let number: Int64
    var epoch: Int64 = 1
    let organizationID: OrganizationID

    var tenant: Tenant { Tenant(organization: number, epoch: epoch) }
    var caller: Caller { Caller(tenant: tenant, organizationID: organizationID, traceparent: nil) }

    /// Begins checkouts in the name of a worker that nobody hears of.
    var checkouts: SagaClaimant<CheckoutState> {
        store.nobody.runtime.claimant(of: store.nobody.checkout, for: tenant)
    }
    /// Begins cancels or refunds in the name of a worker that nobody hears of.
    func refunds(_ name: String) -> SagaClaimant<RefundState> {
        let sagas = store.nobody
        return sagas.runtime.claimant(of: name == SagaName.cancel ? sagas.cancel : sagas.refund, for: tenant)
    }

    static func open(in store: Store, number: Int64 = 1) async throws -> Shop {
        var mint = IdentifierMint(seed: UInt64(number), slot: Slot.of(organization: number))
        _ = try await store.submit(RaiseFence(number: number, epoch: 1))
        return Shop(store: store, number: number, organizationID: mint.next(at: store.time.now()))
    }

    func product(_ sku: String, price: Int64 = 250, _ currency: String = "USD", stock: Int64) async throws {
        let product = ProductRequest(
            sku: sku, name: "Product \(sku)", unitPrice: Money(price, currency), category: nil, attributes: nil)
        _ = try await run(CreateProduct(organization: number, product: product))
        if stock > 0 { _ = try await adjust(sku, by: stock) }
    }
    @discardableResult
    func adjust(_ sku: String, by delta: Int64, key: RequestKey? = nil) async throws -> KeyedOutcome {
        try await run(
            AdjustStock(
                organization: number, sku: sku, delta: delta, reason: "delivery", reference: key?.scope,
                seed: store.random.next(), traceparent: nil), key)
    }
    func run<C: AnsweringCommand>(_ command: C, _ key: RequestKey? = nil) async throws -> KeyedOutcome {
        try await store.submit(
            IdempotentCommand(command, organization: number, request: key), tenant: tenant)
    }
    func stock(_ sku: String) async throws -> StockRecord {
        try #require(
            await store.rows(
                "\(StockRecord.table.selectAllText) WHERE organization = $1 AND sku = $2",
                [.integer(number), .text(sku)]
            ).first
        ).record()
    }
    func order(_ id: OrderID) async throws -> OrderRecord {
        try #require(
            await store.rows(
                "\(OrderRecord.table.selectAllText) WHERE organization = $1 AND id = $2",
                [.integer(number), .uuid(id.uuid)]
            ).first
        ).record()
    }
    func payment(_ id: OrderID) async throws -> PaymentRecord {
        try #require(
            await store.rows(
                "\(PaymentRecord.table.selectAllText) WHERE organization = $1 AND order_id = $2",
                [.integer(number), .uuid(id.uuid)]
            ).first
        ).record()
    }
    func sagas(of id: OrderID) async throws -> [SagaRecord] {
        try await store.rows(
            "\(SagaRecord.table.selectAllText) WHERE organization = $1 AND subject = $2 ORDER BY id",
            [.integer(number), .uuid(id.uuid)]
        ).map { try $0.record() }
    }
    /// The types of an order's events, in their order.
    func events(of id: OrderID) async throws -> [String] {
        try await store.rows(
            "SELECT type FROM outbox WHERE organization = $1 AND key = $2 ORDER BY sequence",
            [.integer(number), .text(id.description)]
        ).map { try $0.text(0) }
    }
    /// The kinds of the entries in the provider's books for an order's operations.
    func booked(_ id: OrderID) async throws -> [String] {
        try await store.rows(
            """
            SELECT e.kind FROM operations o JOIN entries e ON e.key = o.key WHERE o.reference = $1
            ORDER BY e.at, e.key, e.number
            """, [.text(id.description)], in: .books
        ).map { try $0.text(0) }
    }
    func key(_ name: String, route: String = "orders:create", fingerprint: String = "f") -> RequestKey {
        RequestKey(route: route, key: name, fingerprint: fingerprint)
    }
}

/// What a caller heard.
enum Heard: Sendable, Hashable {
    case answer(AnswerKind, String, isReplay: Bool)
    case accepted(String, isReplay: Bool)
    case refused(Refusal)
    /// No answer: the server died, or took too long.
    case nothing

    init(_ placed: PlacedOrder) {
        switch placed {
        case .answer(let answer, let isReplay): self = .answer(answer.kind, answer.document, isReplay: isReplay)
        case .accepted(let document, let isReplay): self = .accepted(document, isReplay: isReplay)
        }
    }
    var kind: AnswerKind? {
        if case .answer(let kind, _, _) = self { return kind }
        return nil
    }
    var isAccepted: Bool {
        if case .accepted = self { return true }
        return false
    }
    var isReplay: Bool {
        switch self {
        case .answer(_, _, let isReplay), .accepted(_, let isReplay): isReplay
        case .refused, .nothing: false
        }
    }
    var document: String? {
        switch self {
        case .answer(_, let document, _), .accepted(let document, _): document
        case .refused, .nothing: nil
        }
    }
    private var object: JSONObject? { document.flatMap { (try? JSONReader.parse($0))?.object } }
    var order: OrderID? { (object?["id"] ?? object?["orderId"])?.string.flatMap { OrderID($0) } }
    var status: OrderStatus? { object?["status"]?.string.flatMap(OrderStatus.init) }
    var paymentStatus: String? { object?["payment"]?.object?["status"]?.string }
}
