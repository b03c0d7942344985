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
    /// The position that they are behind: the one that was asked for, or the end of a stream that has not reached it.
    package let start: Int64
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
    ///
    /// A position that the stream has not reached comes from a database that is gone: one that has failed over and lost
    /// its end, or was restored. The page then goes on from the stream's end, so that what comes there now is not
    /// taken for what its reader has had.
    package func page(
        after position: Int64, limit: Int, in context: TenantContext
    ) async throws(Refusal) -> EventPage {
        let limit = max(1, limit)
        var read = try await read(after: position, limit, context)
        let start = min(position, read.tail.last)
        var given: Given?
        // Enough to fill the page, and once more where another was first. What is written meanwhile is read the next
        // time: who writes fast must not make a reader give positions without pause.
        var rounds = limit / context.stamp.limit + 2
        while read.events.count < limit, read.tail.hasUnsent, rounds > 0 {
            do { given = try await givePositions(context) } catch {
                // What has a position can be delivered all the same.
                guard !read.events.isEmpty else { throw error }
                given = Given.none
            }
            // Also where none was given: another server may have been first.
            read = try await self.read(after: start, limit, context)
            rounds -= 1
            guard given == .manyMore || given == .byAnother else { break }
        }
        context.trail.note(read.position)
        let last = read.events.last?.position ?? start
        let isBacklog = given == nil || given == .manyMore
        return EventPage(
            events: read.events, start: start, hasMore: read.tail.last > last || read.tail.hasUnsent && isBacklog,
            servedBy: read.servedBy)
    }

    /// The position behind which only events come that are not committed yet; 0 where there are none. Gives positions
    /// to all that have none: where nobody has listened for long, in as many rounds as that takes.
    package func newest(in context: TenantContext) async throws(Refusal) -> Int64 {
        while true {
            let tail = try await tail(context)
            guard tail.hasUnsent else { return tail.last }
            switch try await givePositions(context) {
            case .manyMore, .byAnother:
                if Task.isCancelled { throw .shardUnavailable("the request was given up") }
            case .none, .some: return try await self.tail(context).last
            }
        }
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

    /// What became of an attempt to give positions.
    private enum Given {
        /// There were none to give, or the organization is moving.
        case none
        /// To all that were there.
        case some
        /// To as many as one transaction does: there may be more.
        case manyMore
        /// By another task or server, or nobody knows: what was committed last may have none yet.
        case byAnother
    }

    /// Gives positions to a batch of events, or waits for the task that does so.
    private func givePositions(_ context: TenantContext) async throws(Refusal) -> Given {
        try await turns.run(context.number) { () async throws(Refusal) -> Given in
            do {
                switch try await context.stamp.stamp(in: context.shard.database).count {
                case 0: return .none
                case context.stamp.limit...: return .manyMore
                default: return .some
                }
            } catch {
                guard let error = error as? StorageError else { throw .shardUnavailable("\(error)") }
                switch error {
                case .conflict, .unknown: return .byAnother
                default: throw Refusal(error)
                }
            }
        } ?? .byAnother
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

    private func tail(_ context: TenantContext) async throws(Refusal) -> OutboxTail {
        let result = try await context.read([context.tailQuestion], .strong)
        do { return try OutboxTail(result.rows[0][0]) } catch { throw .shardUnavailable("\(error)") }
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
