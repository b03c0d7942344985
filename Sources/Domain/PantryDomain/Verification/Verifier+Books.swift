import Determinism
import Storage

/// What our rows say of one order's money.
struct OrderMoney: Sendable, Hashable {
    var status: OrderStatus
    var payment: PaymentStatus
    var total: Int64
    var captured: Int64
    var refunded: Int64
    /// A saga is at work: the provider may be a step ahead.
    var isUnderWay: Bool
}

/// What the provider's books say of it.
struct BookedMoney: Sendable, Hashable {
    var captures: Int64 = 0
    /// Sums of what is stored there, damaged or not: more than 64 bits are no reason not to say what is wrong.
    var captured: Int128 = 0
    var refunded: Int128 = 0
}

extension Verifier {
    /// Compares our rows with the provider's books. The two files have no common snapshot, so beside a running server
    /// an order may be a step further in one than in the other; an order counts as wrong when it is wrong again and
    /// again without having moved in between.
    func checkBooks(_ provider: any Database, into report: inout VerificationReport) async throws {
        report.checked += 1
        let strays = try await strays(provider)
        var suspects = try await mismatches(provider, among: nil)
        var rounds = 0
        while !suspects.isEmpty, rounds < 20 {
            rounds += 1
            try await time.sleep(for: .milliseconds(100))
            let again = try await mismatches(provider, among: Array(suspects.keys))
            let settled = suspects.filter { order, words in again[order] == words }
            // Only what stayed exactly the same is a finding; what moved is looked at again.
            suspects = again
            if settled.count == again.count, rounds >= 3 { break }
        }
        guard !suspects.isEmpty || !strays.isEmpty else { return }
        report.findings.append(
            VerificationReport.Finding(
                database: "provider", invariant: "books",
                promise: "one charge for each order, and captured − refunded is the same in both books",
                rows: strays + suspects.sorted { $0.key < $1.key }.prefix(100).map(\.value)))
    }

    /// Money that the provider took for something that cannot be one of our orders.
    private func strays(_ provider: any Database) async throws -> [String] {
        let text = """
            SELECT o.reference,
              \(WideSum.columns("CASE e.kind WHEN 'captured' THEN e.amount WHEN 'refunded' THEN -e.amount ELSE 0 END"))
            FROM operations o JOIN entries e ON e.key = o.key GROUP BY o.reference
            """
        var strays: [String] = []
        for row in try await provider.read(SQLStatement(text), .strong) where strays.count < 100 {
            let (reference, kept) = (try row.text(0), try WideSum.read(row, at: 1))
            if OrderID(reference) == nil, kept != 0 {
                strays.append("“\(reference)” is no order, yet the provider keeps \(kept) for it")
            }
        }
        return strays
    }

    private func mismatches(_ provider: any Database, among orders: [OrderID]?) async throws -> [OrderID: String] {
        var ours: [OrderID: OrderMoney] = [:]
        for shard in shards { try await collect(shard.database, orders, into: &ours) }
        let booked = try await books(provider, orders)
        var wrong: [OrderID: String] = [:]
        for (order, money) in ours {
            if let words = Self.mismatch(money, booked[order] ?? BookedMoney()) {
                wrong[order] = "order=\(order) \(words)"
            }
        }
        for (order, money) in booked where ours[order] == nil && money.captured != money.refunded {
            wrong[order] = "order=\(order) is known to the provider only: captured=\(money.captured)"
        }
        return wrong
    }

    /// What is wrong between the two books, in words; nil when they agree. Pure.
    static func mismatch(_ ours: OrderMoney, _ booked: BookedMoney) -> String? {
        let words =
            "status=\(ours.status.rawValue) payment=\(ours.payment.rawValue) total=\(ours.total) "
            + "captured=\(ours.captured) refunded=\(ours.refunded) provider: captures=\(booked.captures) "
            + "captured=\(booked.captured) refunded=\(booked.refunded)"
        if booked.captures > 1 { return "charged more than once: \(words)" }
        if booked.refunded > booked.captured { return "gave back more than was taken: \(words)" }
        if ours.payment == .queued, booked.captured != booked.refunded {
            return "an order waits to be charged that has been charged: \(words)"
        }
        if ours.isUnderWay { return nil }
        if booked.captured != Int128(ours.captured) || booked.refunded != Int128(ours.refunded) {
            return "the books differ: \(words)"
        }
        return nil
    }

    private func collect(
        _ database: any Database, _ orders: [OrderID]?, into ours: inout [OrderID: OrderMoney]
    ) async throws {
        let text = """
            SELECT o.id, o.status, p.status, o.total, p.captured, p.refunded, o.saga FROM orders o
            JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id
            """
        for (condition, parameters) in Self.conditions("o.id", orders.map { $0.map { .uuid($0.uuid) } }) {
            for row in try await database.read(SQLStatement(text + condition, parameters), .strong) {
                ours[OrderID(try row.uuid(0))] = OrderMoney(
                    status: try row.value(1), payment: try row.value(2), total: try row.integer(3),
                    captured: try row.integer(4), refunded: try row.integer(5), isUnderWay: row[6] != .null)
            }
        }
    }

    private func books(_ provider: any Database, _ orders: [OrderID]?) async throws -> [OrderID: BookedMoney] {
        let text = """
            SELECT o.reference, e.kind, COUNT(*), \(WideSum.columns("e.amount"))
            FROM operations o JOIN entries e ON e.key = o.key
            """
        var booked: [OrderID: BookedMoney] = [:]
        for (condition, parameters) in Self.conditions("o.reference", orders.map { $0.map { .text($0.description) } }) {
            let statement = SQLStatement(text + condition + " GROUP BY o.reference, e.kind", parameters)
            for row in try await provider.read(statement, .strong) {
                guard let order = OrderID(try row.text(0)) else { continue }
                switch try row.text(1) {
                case "captured":
                    booked[order, default: BookedMoney()].captures = try row.integer(2)
                    booked[order, default: BookedMoney()].captured = try WideSum.read(row, at: 3)
                case "refunded":
                    booked[order, default: BookedMoney()].refunded = try WideSum.read(row, at: 3)
                default: break
                }
            }
        }
        return booked
    }

    /// One condition for everything, or one for each few hundred values.
    private static func conditions(_ column: String, _ values: [SQLValue]?) -> [(String, [SQLValue])] {
        guard let values else { return [("", [])] }
        return stride(from: 0, to: values.count, by: 500).map { start in
            let part = Array(values[start..<min(start + 500, values.count)])
            let places = (1...part.count).map { "$\($0)" }.joined(separator: ", ")
            return (" WHERE \(column) IN (\(places))", part)
        }
    }
}
