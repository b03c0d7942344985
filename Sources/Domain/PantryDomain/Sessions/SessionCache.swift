import Determinism
import Synchronization

/// What this server remembers of sessions, each for a bounded time, and all of them in a bounded number and size. A
/// session that was ended on another server is known here for that time at most; one that was ended here, no longer.
///
/// Of those who ask for the same session at the same moment one asks its shard. That there is no such session is
/// remembered as well, apart from those that there are, so that whoever makes sessions up drives nobody's out.
final class SessionCache: Sendable {
    /// Both parts, or whoever knows a session's id could have it remembered as unknown under another number.
    struct Name: Hashable, Sendable {
        let organization: Int64
        let id: SessionID
    }
    /// What a shard has said.
    struct Entry: Sendable {
        /// nil for no such session, or one that was ended.
        let record: SessionRecord?
        /// When it was asked: before its answer, whose state may be that old.
        let readAt: Instant
    }
    /// How a question ended.
    enum Outcome: Sendable {
        case found(Entry)
        case refused(Refusal)
        /// Who asked has left; somebody else is to ask.
        case abandoned
    }
    /// What to do with a request.
    enum Turn: Sendable {
        case known(Entry)
        /// Ask, and tell ``settle(_:_:of:)``.
        case asks(Flight)
        /// Somebody asks already: ``Flight/outcome()``.
        case waits(Flight)
    }

    /// A question under way, and who waits for its answer.
    final class Flight: Sendable {
        private struct State {
            var outcome: Outcome?
            var waiting: [CheckedContinuation<Outcome, Never>] = []
        }
        private let state = Mutex(State())

        func outcome() async -> Outcome {
            await withCheckedContinuation { continuation in
                let outcome = state.withLock { state in
                    if state.outcome == nil { state.waiting.append(continuation) }
                    return state.outcome
                }
                if let outcome { continuation.resume(returning: outcome) }
            }
        }
        fileprivate func end(_ outcome: Outcome) {
            let waiting = state.withLock { state in
                state.outcome = outcome
                defer { state.waiting = [] }
                return state.waiting
            }
            for continuation in waiting { continuation.resume(returning: outcome) }
        }
    }

    struct Limits: Sendable {
        /// How long an answer is good for.
        var freshness: Duration = .seconds(5)
        var sessions = 50_000
        /// Of what clients have stored in them.
        var bytes = 32 << 20
        var absent = 20_000
    }
    private struct State {
        var present: [Name: Entry] = [:]
        var bytes = 0
        var absent: [Name: Entry] = [:]
        var flights: [Name: Flight] = [:]
    }
    private let limits: Limits
    private let state = Mutex(State())

    init(_ limits: Limits = Limits()) { self.limits = limits }

    func turn(_ name: Name, at now: Instant) -> Turn {
        state.withLock { state in
            if let entry = state.present[name] ?? state.absent[name], now < entry.readAt + limits.freshness {
                return .known(entry)
            }
            if let flight = state.flights[name] { return .waits(flight) }
            let flight = Flight()
            state.flights[name] = flight
            return .asks(flight)
        }
    }

    /// Whether it was there when its shard was asked last, however long ago.
    func hasSeen(_ name: Name) -> Bool { state.withLock { $0.present[name] != nil } }

    /// Ends a question. What was read before the session was ended here is told to those who waited, and not kept.
    func settle(_ flight: Flight, _ outcome: Outcome, of name: Name) {
        state.withLock { state in
            guard state.flights[name] === flight else { return }
            state.flights[name] = nil
            if case .found(let entry) = outcome { keep(entry, name, &state) }
        }
        flight.end(outcome)
    }

    /// Knows from now on that it was ended; whoever asks at this moment is not believed.
    func end(_ name: Name, at now: Instant) {
        state.withLock { state in
            state.flights[name] = nil
            keep(Entry(record: nil, readAt: now), name, &state)
        }
    }

    /// How many sessions are remembered, and how many as unknown.
    var counts: (present: Int, absent: Int) { state.withLock { ($0.present.count, $0.absent.count) } }

    /// Full: begin anew rather than keep books about who was used last; the next requests fill it again.
    private func keep(_ entry: Entry, _ name: Name, _ state: inout State) {
        if let old = state.present.removeValue(forKey: name) { state.bytes -= Self.size(old) }
        state.absent[name] = nil
        guard entry.record != nil else {
            if state.absent.count >= limits.absent { state.absent = [:] }
            state.absent[name] = entry
            return
        }
        let size = Self.size(entry)
        if state.present.count >= limits.sessions || state.bytes + size > limits.bytes {
            (state.present, state.bytes) = ([:], 0)
        }
        state.present[name] = entry
        state.bytes += size
    }

    private static func size(_ entry: Entry) -> Int {
        guard let record = entry.record else { return 0 }
        return record.subject.utf8.count + (record.attributes?.utf8.count ?? 0)
    }
}
