import Determinism

/// The waiters' deadlines, earliest first: a binary heap. A waiter that leaves stays in it as a stale entry until it
/// reaches the top or the stale ones are the majority, which makes leaving O(1).
struct DeadlineHeap: Sendable {
    struct Entry: Sendable {
        let deadline: Instant
        let waiter: WaiterID

        /// Of two with the same deadline, who came first.
        func precedes(_ other: Entry) -> Bool {
            deadline == other.deadline ? waiter.number < other.waiter.number : deadline < other.deadline
        }
    }
    private(set) var entries: [Entry] = []

    var earliest: Entry? { entries.first }
    var count: Int { entries.count }

    mutating func insert(_ entry: Entry) {
        entries.append(entry)
        var child = entries.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            child = parent
        }
    }

    mutating func removeEarliest() {
        guard let last = entries.popLast(), !entries.isEmpty else { return }
        entries[0] = last
        siftDown(from: 0)
    }

    /// Keeps only the entries that `isLive` says are waiting. O(n).
    mutating func compact(isLive: (WaiterID) -> Bool) {
        entries.removeAll { !isLive($0.waiter) }
        for index in stride(from: entries.count / 2 - 1, through: 0, by: -1) { siftDown(from: index) }
    }

    private mutating func siftDown(from start: Int) {
        var parent = start
        while true {
            var child = 2 * parent + 1
            guard child < entries.count else { return }
            if child + 1 < entries.count, entries[child + 1].precedes(entries[child]) { child += 1 }
            guard entries[child].precedes(entries[parent]) else { return }
            entries.swapAt(child, parent)
            parent = child
        }
    }
}
