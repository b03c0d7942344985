import Determinism
import Sagas
import Storage
import StrictJSON

extension OrderQueries {
    /// What happened to the order, saga by saga and entry by entry, the oldest first.
    package static func timeline(
        _ id: OrderID, _ consistency: ReadConsistency, in context: TenantContext
    ) async throws(Refusal) -> Served {
        let key: [SQLValue] = [.integer(context.number), .uuid(id.uuid)]
        let newest = "WHERE s.organization = $1 AND s.subject = $2 ORDER BY s.id DESC LIMIT \(OrderTimeline.sagaLimit)"
        // One more of each than is shown tells whether that is all.
        let result = try await context.read(
            [
                SQLStatement("SELECT status FROM orders WHERE organization = $1 AND id = $2", key),
                SQLStatement(
                    """
                    SELECT \(SagaRecord.table.list("s")) FROM sagas s
                    WHERE s.organization = $1 AND s.subject = $2 ORDER BY s.id DESC LIMIT \(OrderTimeline.sagaLimit + 1)
                    """, key),
                SQLStatement(
                    """
                    SELECT \(SagaLogRecord.table.list("l"))
                    FROM (SELECT s.organization, s.id FROM sagas s \(newest)) newest
                    JOIN saga_log l ON l.organization = newest.organization AND l.saga = newest.id
                    ORDER BY l.saga DESC, l.entry DESC LIMIT \(OrderTimeline.entryLimit + 1)
                    """, key),
            ], consistency)
        guard !result.rows[0].isEmpty else { throw .notFound("there is no order “\(id)”") }
        do {
            let commits: [SagaLogRecord] = try result.rows[2].map { try $0.record() }
            let timeline = OrderTimeline(
                order: id, sagas: try result.rows[1].map { try $0.record() }.reversed(),
                entries: commits.reversed().flatMap(\.entries), now: context.now)
            return Served(document: timeline.json, servedBy: result.servedBy)
        } catch { throw .shardUnavailable("\(error)") }
    }
}

/// An order's sagas as its organization sees them: what was done, tried, undone and is still to come, without the names
/// of workers, the provider's keys and references, and operators' remarks.
struct OrderTimeline {
    /// An order that is refunded piece by piece may have any number of sagas; the youngest are shown.
    static let sagaLimit = 100
    static let entryLimit = 1_000

    let order: OrderID
    let sagas: ArraySlice<SagaRecord>
    let entries: [SagaID: [SagaLogEntry]]
    let isComplete: Bool
    let now: Timestamp

    /// - Parameters:
    ///   - sagas: the oldest first, one more than is shown if there are more.
    ///   - entries: the oldest first, one more than is shown if there are more.
    init(order: OrderID, sagas: [SagaRecord], entries: [SagaLogEntry], now: Timestamp) {
        (self.order, self.now) = (order, now)
        self.sagas = sagas.suffix(Self.sagaLimit)
        self.entries = Dictionary(grouping: entries.suffix(Self.entryLimit)) { $0.saga }
        isComplete = sagas.count <= Self.sagaLimit && entries.count <= Self.entryLimit
    }

    var json: String {
        var json = JSONWriter(capacity: 256 + 160 * entries.values.reduce(0) { $0 + $1.count })
        json.object { json in
            json.member("orderId", order.description)
            json.member("isComplete", isComplete)
            json.member(
                "data",
                array: { list in
                    for saga in sagas { list.object { write(saga, entries[saga.id] ?? [], to: &$0) } }
                })
        }
        return json.string()
    }

    private func write(_ saga: SagaRecord, _ entries: [SagaLogEntry], to json: inout JSONWriter) {
        // Which steps there are and how far each has come is the operator's to know; when it goes on, everybody's.
        let reading = SagaReading(saga, entries, SagaRegistry([]), at: now)
        json.member("id", saga.id.description)
        json.member("saga", saga.definition)
        json.member("state", saga.state.rawValue)
        json.member("attempts", saga.attempts)
        json.member("reason", Self.reason(saga, entries))
        json.member("nextTryAt", reading.nextTryAt?.rfc3339)
        json.member("startedAt", saga.createdAt.rfc3339)
        json.member("updatedAt", saga.updatedAt.rfc3339)
        json.member(
            "steps",
            array: { list in
                for entry in entries where entry.kind != .claimed {
                    list.object { json in
                        json.member("entry", entry.entry)
                        json.member("at", entry.at.rfc3339)
                        json.member("step", entry.step)
                        json.member("event", entry.kind.rawValue)
                        json.member("attempt", entry.attempt)
                        json.member("detail", Self.detail(entry))
                    }
                }
            })
    }

    /// Why the saga waits, is undone or is stuck, unless an operator has said that to other operators.
    private static func reason(_ saga: SagaRecord, _ entries: [SagaLogEntry]) -> String? {
        guard let reason = saga.reason else { return nil }
        let isAnOperators = entries.contains { $0.kind == .directed && $0.detail?.hasSuffix(reason) == true }
        return isAnOperators ? "decided by an operator" : reason
    }

    /// What of an entry's detail is its organization's business.
    static func detail(_ entry: SagaLogEntry) -> String? {
        switch entry.kind {
        // The keys and references that we and the provider know a charge by.
        case .intended, .completed, .claimed: nil
        // Which other saga holds something.
        case .waiting: nil
        // Who decided it and why.
        case .directed: entry.detail.flatMap { $0.split(separator: " ").first }.map(String.init)
        case .began, .failed, .unknown, .compensated, .parked, .ended, .stuck: entry.detail
        }
    }
}
