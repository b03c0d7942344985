import Determinism
import Synchronization

/// Somebody whose socket is watched.
package protocol ReactorClient: AnyObject, Sendable {
    /// The socket is ready. Called on the reactor's thread.
    func ready(_ interest: Interest)
    /// It is time to look at what is overdue; arms the next alarm by itself. Called on the reactor's thread.
    func tick(now: Instant)
    /// The reactor ends.
    func reactorStopped()
}

/// The loop itself, which the thread keeps alive.
package final class ReactorLoop: Sendable {
    /// Names a watched client. The generation keeps an event that was reported for a closed socket from reaching the
    /// client that has its place now.
    package struct Ticket: Sendable, Hashable {
        let token: UInt64
        fileprivate var slot: Int { Int(token & 0xFFFF_FFFF) }
        fileprivate var generation: UInt32 { UInt32(token >> 32) }
    }
    private struct Slot {
        var generation: UInt32
        var client: (any ReactorClient)?
    }
    private struct Table {
        var slots: [Slot] = []
        var free: [Int] = []
        var isStopped = false
    }
    private let poller: any Poller
    private let time: any TimeSource
    private let table = Mutex(Table())
    /// The earliest alarm, in nanoseconds of the monotonic clock.
    private let armed = Atomic<Int64>(.max)
    /// Runs tasks between two looks at the sockets.
    package let executor: ReactorExecutor

    package init(poller: any Poller, time: any TimeSource) {
        (self.poller, self.time, executor) = (poller, time, ReactorExecutor(wake: poller.wake))
    }

    /// Watches a client's socket for input; nil once the reactor has been stopped or the system takes no more.
    package func register(_ client: any ReactorClient, descriptor: Int32) -> Ticket? {
        guard let ticket = enlist(client) else { return nil }
        if poller.add(descriptor, token: ticket.token, .read) { return ticket }
        release(ticket)
        return nil
    }
    /// Adds a client that has no socket: it hears alarms and the end, until it is removed.
    package func enlist(_ client: any ReactorClient) -> Ticket? {
        table.withLock { table in
            guard !table.isStopped else { return nil }
            let slot = table.free.popLast() ?? table.slots.count
            if slot == table.slots.count { table.slots.append(Slot(generation: 0, client: nil)) }
            table.slots[slot].generation = (table.slots[slot].generation + 1) & 0x7FFF_FFFF
            table.slots[slot].client = client
            return Ticket(token: UInt64(table.slots[slot].generation) << 32 | UInt64(slot))
        }
    }
    /// Watches for something else.
    package func watch(_ ticket: Ticket, descriptor: Int32, for interest: Interest) {
        poller.change(descriptor, token: ticket.token, interest)
    }
    /// Forgets a client, before its socket is closed.
    package func remove(_ ticket: Ticket, descriptor: Int32?) {
        if let descriptor { poller.remove(descriptor) }
        release(ticket)
    }

    /// Makes sure that ``ReactorClient/tick(now:)`` is called then.
    package func arm(_ instant: Instant) {
        var known = armed.load(ordering: .acquiring)
        while instant.nanoseconds < known {
            let (isExchanged, original) = armed.weakCompareExchange(
                expected: known, desired: instant.nanoseconds, ordering: .acquiringAndReleasing)
            if isExchanged { return poller.wake() }
            known = original
        }
    }

    package func stop() {
        let isFirst = table.withLock { table in
            defer { table.isStopped = true }
            return !table.isStopped
        }
        if isFirst { poller.wake() }
    }

    package func run() {
        executor.begin()
        var turn = ReactorExecutor.Turn()
        var ready: [(any ReactorClient, Interest)] = []
        while true {
            var events: [(UInt64, Interest)] = []
            poller.wait(atMost: executor.isIdle(turn) ? timeout() : 0) { events.append(($0, $1)) }
            let isStopped = table.withLock { table in
                for (token, interest) in events {
                    let ticket = Ticket(token: token)
                    guard table.slots.indices.contains(ticket.slot),
                        table.slots[ticket.slot].generation == ticket.generation,
                        let client = table.slots[ticket.slot].client
                    else { continue }
                    ready.append((client, interest))
                }
                return table.isStopped
            }
            for (client, interest) in ready { client.ready(interest) }
            ready.removeAll(keepingCapacity: true)
            executor.runSome(&turn)
            if isStopped {
                for client in clients() { client.reactorStopped() }
                return executor.end(turn)
            }
            let now = time.instant()
            if now.nanoseconds >= armed.load(ordering: .acquiring) {
                // First disarmed, then asked: whoever arms meanwhile is not lost.
                armed.store(.max, ordering: .releasing)
                for client in clients() { client.tick(now: now) }
            }
        }
    }

    private func release(_ ticket: Ticket) {
        table.withLock { table in
            guard table.slots.indices.contains(ticket.slot),
                table.slots[ticket.slot].generation == ticket.generation, table.slots[ticket.slot].client != nil
            else { return }
            table.slots[ticket.slot].client = nil
            table.free.append(ticket.slot)
        }
    }
    private func clients() -> [any ReactorClient] { table.withLock { $0.slots.compactMap(\.client) } }

    /// Milliseconds until the alarm, rounded up; -1 without one.
    private func timeout() -> Int32 {
        let alarm = armed.load(ordering: .acquiring)
        guard alarm != .max else { return -1 }
        let rest = Instant(nanoseconds: alarm) - time.instant()
        return rest <= .zero ? 0 : Int32(clamping: rest.inNanoseconds / 1_000_000 + 1)
    }
}
