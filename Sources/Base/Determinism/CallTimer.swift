import Synchronization

/// The deadlines of many calls, kept in one heap and watched by one task.
///
/// A sleep that is begun and cancelled for each call costs tens of microseconds. Here a call that is back in time only
/// leaves the heap; the one task sleeps until the earliest deadline and looks again.
public final class CallTimer: Sendable {
    private struct State {
        var heap = TimerHeap()
        /// The task that sleeps, what it sleeps until, and its number: one that was replaced ends by itself.
        var watch: Task<Void, Never>?
        var watchedUntil: Instant?
        var watchNumber: UInt64 = 0
    }
    private let time: any TimeSource
    private let state = Mutex(State())

    /// A timer of its own. Users of ``SystemTime`` share ``system``.
    public init(time: any TimeSource) { self.time = time }

    /// The timer that all calls of this process may share.
    public static let system = CallTimer(time: SystemTime())

    /// How many deadlines are ahead.
    public var count: Int { state.withLock { $0.heap.count } }

    /// The monotonic clock that deadlines here are measured by.
    public func instant() -> Instant { time.instant() }

    /// Tells `target` once that `deadline` has come, unless the ticket is cancelled before. Holds on to the target
    /// until then.
    public func schedule(_ target: any DeadlineTarget, at deadline: Instant) -> TimerTicket {
        let (ticket, watch) = state.withLock { state in
            (state.heap.insert(target, at: deadline), Self.watchNeeded(for: deadline, in: &state))
        }
        if let watch { startWatch(watch, until: deadline) }
        return ticket
    }

    /// Takes a deadline out again.
    /// - Returns: false when it has come already; then the target was told, or is being told now.
    @discardableResult public func cancel(_ ticket: TimerTicket) -> Bool { state.withLock { $0.heap.remove(ticket) } }

    /// The number of the watch to start, if nobody sleeps for a deadline as early as this one.
    private static func watchNeeded(for deadline: Instant, in state: inout State) -> UInt64? {
        if let until = state.watchedUntil, until <= deadline { return nil }
        state.watchNumber += 1
        state.watchedUntil = deadline
        return state.watchNumber
    }

    private func startWatch(_ number: UInt64, until deadline: Instant) {
        let task = Task { await watch(number, until: deadline) }
        let obsolete = state.withLock { state in
            guard state.watchNumber == number, state.watchedUntil != nil else { return task as Task<Void, Never>? }
            defer { state.watch = task }
            return state.watch
        }
        obsolete?.cancel()
    }

    /// Sleeps until a deadline, again and again, while there are any and no earlier watch is needed. It sleeps on when
    /// the call it sleeps for is back: another one will have come by then, and a new task for each would cost more.
    private func watch(_ number: UInt64, until first: Instant) async {
        var next: Instant? = first
        while let deadline = next {
            // Cancelled only when another watch has taken over.
            try? await time.sleep(until: deadline)
            let now = time.instant()
            while let target = state.withLock({ $0.heap.takeDue(now: now) }) { target.deadlinePassed() }
            next = nextDeadline(for: number)
        }
    }

    private func nextDeadline(for number: UInt64) -> Instant? {
        state.withLock { state in
            guard state.watchNumber == number else { return nil }
            state.watchedUntil = state.heap.earliest
            if state.watchedUntil == nil { state.watch = nil }
            return state.watchedUntil
        }
    }
}
