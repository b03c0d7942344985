import Determinism
import Messaging
import Storage
import Synchronization

/// An event of an organization, as it is delivered.
package struct FeedEvent: Sendable {
    private let record: OutboxRecord
    private let organizationID: OrganizationID
    /// Its place in the organization's stream.
    package let position: Int64

    init(_ record: OutboxRecord, of organizationID: OrganizationID) throws(StorageError) {
        guard let position = record.position else { throw .corrupt("event \(record.id) has no position") }
        (self.record, self.organizationID, self.position) = (record, organizationID, position)
    }
    /// `resource:verb`.
    package var type: String { record.type }

    /// The event as a CloudEvents document.
    /// - Parameter token: the consistency token with which a read sees what the event tells of.
    package func document(token: String?) -> [UInt8] {
        record.cloudEvent(
            source: "/organizations/\(organizationID)", organization: organizationID.description,
            consistencyToken: token)
    }
}

/// Some events in a row.
package struct EventPage: Sendable {
    /// Oldest first.
    package let events: [FeedEvent]
    /// Whether more are there now.
    package let hasMore: Bool
    package let servedBy: String
}

/// The events of organizations as streams that can be read from any position on, and waited for.
///
/// Events get their positions here, when somebody reads or waits: see ``Messaging/OutboxStamp``.
package final class EventFeed: Sendable {
    private struct State {
        var listeners: EventListeners
        var bells: [Int: Bell] = [:]
    }
    private let time: any TimeSource
    private let state: Mutex<State>
    private let turns = StampTurns()
    /// How many wait, of whatever organization; read without a lock with each command that anybody sends.
    private let listening = Atomic(0)

    /// - Parameter pollInterval: how often it is looked for what other servers have written, where somebody waits.
    package init(time: any TimeSource, pollInterval: Duration = .milliseconds(500)) {
        self.time = time
        state = Mutex(State(listeners: EventListeners(interval: pollInterval)))
    }

    /// How many organizations something is kept of.
    var organizationCount: Int { state.withLock { $0.listeners.organizationCount } }

    // MARK: reading

    /// The events after a position, oldest first. Gives positions first to those that have none. What the primary's
    /// log had reached behind the read is noted in `context.trail`, so that a token made of it lies at or beyond the
    /// commits of all events of the page.
    package func page(
        after position: Int64, limit: Int, in context: TenantContext
    ) async throws(Refusal) -> EventPage {
        let limit = max(1, limit)
        var read = try await read(after: position, limit, context)
        var mayGiveMore = true
        // Enough to fill the page. Who writes faster than this is read faster than this the next time.
        var rounds = limit / context.stamp.limit + 2
        while read.events.count < limit, read.tail.hasUnsent, mayGiveMore, rounds > 0 {
            do { mayGiveMore = try await givePositions(context) } catch {
                // What has a position can be delivered all the same.
                guard !read.events.isEmpty else { throw error }
                mayGiveMore = false
                break
            }
            // Also where none was given: another server may have been first.
            read = try await self.read(after: position, limit, context)
            rounds -= 1
        }
        context.trail.note(read.position)
        let last = read.events.last?.position ?? position
        return EventPage(
            events: read.events, hasMore: read.tail.last > last || read.tail.hasUnsent && mayGiveMore,
            servedBy: read.servedBy)
    }

    private struct Reading {
        let events: [FeedEvent]
        let tail: OutboxTail
        let servedBy: String
        let position: CommitPosition?
    }

    private func read(
        after position: Int64, _ limit: Int, _ context: TenantContext
    ) async throws(Refusal) -> Reading {
        let events = OutboxTail.events(of: context.number, after: position, limit: limit)
        let result = try await context.read([events, context.tailQuestion], .strongWithPosition)
        do {
            return Reading(
                events: try result.rows[0].map { try FeedEvent($0.record(), of: context.caller.organizationID) },
                tail: try OutboxTail(result.rows[1][0]), servedBy: result.servedBy, position: result.position)
        } catch { throw .shardUnavailable("\(error)") }
    }

    /// Gives positions to a batch of events, or waits for the task that does so.
    /// - Returns: whether there may be more to do; not while the organization is moving.
    private func givePositions(_ context: TenantContext) async throws(Refusal) -> Bool {
        try await turns.run(context.number) { () async throws(Refusal) -> Bool in
            do {
                return try await context.stamp.stamp(in: context.shard.database).count > 0
            } catch {
                guard let error = error as? StorageError else { throw .shardUnavailable("\(error)") }
                switch error {
                // Another server was first, or it may have happened: the next read shows.
                case .conflict, .unknown: return true
                default: throw Refusal(error)
                }
            }
        } ?? true
    }

    // MARK: waiting

    /// Returns true when there are events after the position, false at the deadline.
    ///
    /// For whoever has read to the end: the first look comes a tenth of the interval later. All that wait for one
    /// organization in one process share one look. A look that fails is no news: whoever waits
    /// goes on waiting, and hears what is wrong from ``page(after:limit:in:)``.
    /// - Throws: `CancellationError`
    package func wait(
        after position: Int64, until deadline: Instant, in context: TenantContext
    ) async throws -> Bool {
        let (organization, bell) = (context.number, Bell())
        listening.add(1, ordering: .relaxed)
        let id = state.withLock { state in
            let id = state.listeners.enroll(organization, after: position, until: deadline, at: time.instant())
            state.bells[id] = bell
            return id
        }
        defer { leave(organization, id) }
        while true {
            try Task.checkCancellation()
            switch state.withLock({ $0.listeners.turn(organization, id, at: time.instant()) }) {
            case .news: return true
            case .over: return false
            case .pause(let until): await bell.sleep(until: until, time)
            case .look:
                let last = await look(context)
                let others = state.withLock { state in
                    state.listeners.looked(organization, id, last: last).compactMap { state.bells[$0] }
                }
                for bell in others { bell.ring() }
            }
        }
    }

    private func leave(_ organization: Int64, _ id: Int) {
        listening.subtract(1, ordering: .relaxed)
        let keeper = state.withLock { state in
            state.bells[id] = nil
            return state.listeners.leave(organization, id).flatMap { state.bells[$0] }
        }
        keeper?.ring()
    }

    /// The last position that there is, once a batch of those without has got some; nil when that cannot be found out.
    private func look(_ context: TenantContext) async -> Int64? {
        guard let tail = try? await tail(context) else { return nil }
        guard tail.hasUnsent, (try? await givePositions(context)) != nil else { return tail.last }
        return (try? await self.tail(context))?.last ?? tail.last
    }

    private func tail(_ context: TenantContext) async throws -> OutboxTail {
        try OutboxTail(try await context.read([context.tailQuestion], .strong).rows[0][0])
    }

    /// This process has committed events of the organization: whoever waits looks at once, and again no sooner than a
    /// tenth of the interval later. Costs next to nothing where nobody waits.
    package func nudge(_ organization: Int64) {
        guard listening.load(ordering: .relaxed) > 0 else { return }
        let keeper = state.withLock { state in state.listeners.nudge(organization).flatMap { state.bells[$0] } }
        keeper?.ring()
    }
}

extension TenantContext {
    private var outboxPartition: Int64 { OutboxRecord.partition(ofSlot: Slot.of(organization: number)) }
    fileprivate var tailQuestion: SQLStatement { OutboxTail.question(of: number, partition: outboxPartition) }
    fileprivate var stamp: OutboxStamp {
        OutboxStamp(organization: number, partition: outboxPartition, epoch: caller.tenant.epoch)
    }
}
