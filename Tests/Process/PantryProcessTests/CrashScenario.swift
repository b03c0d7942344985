import PantryTestKit
import StrictJSON
import Testing

/// Something that a client asks for, during which the server is killed.
enum CrashScenario: String, CaseIterable, Sendable, CustomTestStringConvertible {
    case ok, declined, lost, flaky, error
    case cancel, cancelQueued, refund, fulfill

    var testDescription: String { rawValue }

    /// What a client is answered in the end.
    var status: Int {
        switch self {
        case .ok, .lost, .flaky, .refund: 201
        case .declined: 402
        case .error: 202
        case .cancel, .cancelQueued, .fulfill: 200
        }
    }

    /// The points that it passes at the least: two for each commit.
    var fewestPoints: Int {
        switch self {
        // Order, charge and confirmation; take-over, void and end; claim, refund and end.
        case .ok, .declined, .lost, .cancel, .cancelQueued, .refund: 6
        case .flaky: 8
        case .error: 4
        case .fulfill: 2
        }
    }

    /// What the provider's books hold about the order in the end.
    var entries: [String] {
        switch self {
        case .ok, .lost, .flaky, .fulfill: ["captured"]
        case .declined: ["declined"]
        case .error: []
        case .cancel, .refund: ["captured", "refunded"]
        case .cancelQueued: ["voided"]
        }
    }

    /// What the order is in the end.
    var orderStatus: String {
        switch self {
        case .ok, .lost, .flaky, .refund: "confirmed"
        case .declined: "failed"
        case .error: "pending"
        case .cancel, .cancelQueued: "canceled"
        case .fulfill: "fulfilled"
        }
    }

    /// The key of the order that this is about.
    func orderKey(_ name: String) -> String {
        switch self {
        case .ok, .declined, .lost, .flaky, .error: name
        case .cancel, .cancelQueued, .refund, .fulfill: "\(name)-order"
        }
    }

    private static let lines = [(sku: "SKU-0001", quantity: Int64(2)), (sku: "SKU-0002", quantity: Int64(1))]

    /// Makes the order that is to be canceled, refunded or fulfilled.
    /// - Returns: its id.
    func prepare(_ session: TenantSession, _ name: String) async throws -> String? {
        switch self {
        case .ok, .declined, .lost, .flaky, .error: return nil
        case .cancel, .refund, .fulfill, .cancelQueued:
            let method = self == .cancelQueued ? "pm_error" : "pm_ok"
            let order = await session.order(Self.lines, method: method, key: orderKey(name))
            #expect(order.status == (self == .cancelQueued ? 202 : 201), "\(order)")
            return try #require(order.answer?["id"]?.string)
        }
    }

    /// Sends the request. Sent twice with the same arguments, it is a repeat.
    func send(_ session: TenantSession, _ order: String?, _ name: String) async -> Outcome {
        switch self {
        case .ok, .declined, .lost, .flaky, .error:
            await session.order(Self.lines, method: "pm_\(rawValue)", key: name)
        case .cancel, .cancelQueued: await session.cancel(order ?? "", key: name)
        case .refund: await session.refund(order ?? "", amount: 50, key: name)
        case .fulfill: await session.fulfill(order ?? "", key: name)
        }
    }

    /// Looks for the one order that there must be, and at what the provider's books hold about it.
    /// - Returns: the orders that there are.
    func expectEnd(
        of name: String, in shop: Shop, on process: PantryProcess, _ place: String
    ) async throws -> [Evidence.Order] {
        let orders = try await shop.orders(key: orderKey(name), on: process)
        #expect(orders.map(\.status) == [orderStatus], "\(place)")
        let books = try await shop.books()
        let keys = Set(books.operations.filter { $0.reference == orders.first?.id }.map(\.key))
        #expect(books.entries.filter { keys.contains($0.key) }.map(\.kind) == entries, "\(place)")
        return orders
    }
}
