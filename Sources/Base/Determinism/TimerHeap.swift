/// Deadlines, earliest first: a binary heap whose entries can be taken out wherever they are, in O(log n). A call that
/// is back in time leaves nothing behind, whatever its limit was.
///
/// Entries with the same limit arrive in the order of their deadlines, so that putting one in usually moves nothing.
struct TimerHeap: Sendable {
    private struct Entry {
        let deadline: Instant
        let slot: Int
    }
    /// Where an entry is in the heap; its number tells a reused slot from what a stale ticket means.
    private struct Slot {
        var position: Int
        var number: UInt64
        var target: (any DeadlineTarget)?
    }
    private var entries: [Entry] = []
    private var slots: [Slot] = []
    private var freeSlots: [Int] = []

    /// How many deadlines there are.
    var count: Int { entries.count }
    /// The earliest one.
    var earliest: Instant? { entries.first?.deadline }

    mutating func insert(_ target: any DeadlineTarget, at deadline: Instant) -> TimerTicket {
        let slot: Int
        if let free = freeSlots.popLast() {
            slot = free
            slots[slot].target = target
        } else {
            slot = slots.count
            slots.append(Slot(position: 0, number: 0, target: target))
        }
        entries.append(Entry(deadline: deadline, slot: slot))
        slots[slot].position = entries.count - 1
        siftUp(from: entries.count - 1)
        return TimerTicket(slot: slot, number: slots[slot].number)
    }

    /// False when the deadline has passed already, or the entry was taken out before.
    mutating func remove(_ ticket: TimerTicket) -> Bool {
        guard slots.indices.contains(ticket.slot), slots[ticket.slot].number == ticket.number else { return false }
        take(at: slots[ticket.slot].position)
        return true
    }

    /// Takes the earliest entry out, if its time has come.
    mutating func takeDue(now: Instant) -> (any DeadlineTarget)? {
        guard let first = entries.first, first.deadline <= now else { return nil }
        let target = slots[first.slot].target
        take(at: 0)
        return target
    }

    private mutating func take(at position: Int) {
        let slot = entries[position].slot
        slots[slot].target = nil
        slots[slot].number += 1
        freeSlots.append(slot)
        let last = entries.removeLast()
        guard position < entries.count else { return }
        place(last, at: position)
        siftDown(from: position)
        siftUp(from: position)
    }

    private mutating func place(_ entry: Entry, at position: Int) {
        entries[position] = entry
        slots[entry.slot].position = position
    }

    private mutating func siftUp(from start: Int) {
        let moving = entries[start]
        var position = start
        while position > 0 {
            let parent = (position - 1) / 2
            guard moving.deadline < entries[parent].deadline else { break }
            place(entries[parent], at: position)
            position = parent
        }
        if position != start { place(moving, at: position) }
    }

    private mutating func siftDown(from start: Int) {
        let moving = entries[start]
        var position = start
        while 2 * position + 1 < entries.count {
            var child = 2 * position + 1
            if child + 1 < entries.count, entries[child + 1].deadline < entries[child].deadline { child += 1 }
            guard entries[child].deadline < moving.deadline else { break }
            place(entries[child], at: position)
            position = child
        }
        if position != start { place(moving, at: position) }
    }
}

/// Names an entry of a ``CallTimer``, to take it out again.
public struct TimerTicket: Sendable, Hashable {
    let slot: Int
    let number: UInt64
}

/// Whom a ``CallTimer`` tells that a deadline has come.
public protocol DeadlineTarget: AnyObject, Sendable {
    /// Called once, at the deadline or later, on the timer's own task and under no lock. Must not block.
    func deadlinePassed()
}
