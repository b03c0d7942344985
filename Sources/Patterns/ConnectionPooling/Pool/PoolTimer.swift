import Determinism
import Synchronization

/// The one timer of a pool: until when it sleeps, and what wakes it for something earlier.
struct TimerState {
    private var target = Instant(nanoseconds: .max)
    private var sleeper: UnsafeContinuation<Void, Never>?
    /// Something came up between the tick and the sleep, or the task was cancelled.
    private var isDue = false

    /// The timer is about to sleep until then.
    mutating func set(_ instant: Instant) { target = instant }

    /// The timer waits; true if it must not.
    mutating func park(_ continuation: UnsafeContinuation<Void, Never>) -> Bool {
        if isDue {
            isDue = false
            return true
        }
        sleeper = continuation
        return false
    }

    /// The timer's sleep is over, for whatever reason: who is to be resumed, if somebody is.
    mutating func end() -> UnsafeContinuation<Void, Never>? {
        defer { sleeper = nil }
        isDue = sleeper == nil
        return sleeper
    }

    /// The timer has woken up: forgets what woke it.
    mutating func woke() { (isDue, target) = (false, Instant(nanoseconds: .min)) }

    /// Something is due at `instant`: who is to be resumed, if the timer sleeps longer than that.
    mutating func bringForward(to instant: Instant) -> UnsafeContinuation<Void, Never>? {
        guard instant < target else { return nil }
        target = instant
        return end()
    }
}

extension PoolCore {
    /// Calls the machine's tick when it is due, until the pool has finished or the task is cancelled. One sleep at a
    /// time, for all waiters and connections; a new one only when something becomes due earlier.
    func runTimer() async {
        while !Task.isCancelled, let target = tick() {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { try? await self.time.sleep(until: target) }
                group.addTask { await self.waitForSomethingEarlier() }
                await group.next()
                group.cancelAll()
            }
            state.withLock { $0.timer.woke() }
        }
    }

    /// What is due now is done; when to call again, nil when there is nothing left to wait for.
    private func tick() -> Instant? {
        let now = time.instant()
        let (effects, target) = state.withLock { state -> (PoolEffects, Instant?) in
            let actions = state.machine.tick(now: now)
            let target = state.machine.wakeUp
            state.timer.set(target)
            let effects = apply(actions, to: &state, now: now)
            return (effects, state.isFinished ? nil : target)
        }
        effects.run(observer)
        return target
    }

    private func waitForSomethingEarlier() async {
        await withTaskCancellationHandler {
            await withUnsafeContinuation { continuation in
                if state.withLock({ $0.timer.park(continuation) }) { continuation.resume() }
            }
        } onCancel: {
            state.withLock { $0.timer.end() }?.resume()
        }
    }
}
