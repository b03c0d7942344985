/// A limit on calls at a time with a bounded queue, first come, first served: a pure state machine.
///
/// Transitions: `enter` → entered while there is room and nobody waits, queued while the queue has room, else refused;
/// `leave` → the next one who waits is in; `abandon` → who waits no longer is out of the queue.
struct BulkheadMachine: Sendable {
    enum Entry: Sendable, Hashable {
        case entered
        case queued(UInt64)
        case refused
    }
    private let (limit, queueLimit): (Int, Int)
    /// The numbers of those who wait, from `head` on; in their order, which is that of the numbers. Who leaves is taken
    /// out at once, so that the queue never holds more than its limit.
    private var queue: [UInt64] = []
    private var head = 0
    private var nextNumber: UInt64 = 0
    /// How many are in.
    private(set) var running = 0
    /// How many wait.
    var waiting: Int { queue.count - head }
    /// How many were turned away at once.
    private(set) var refusals: UInt64 = 0

    init(limit: Int, queueLimit: Int) { (self.limit, self.queueLimit) = (limit, queueLimit) }

    mutating func enter() -> Entry {
        if running < limit, waiting == 0 {
            running += 1
            return .entered
        }
        guard waiting < queueLimit else {
            refusals += 1
            return .refused
        }
        queue.append(nextNumber)
        defer { nextNumber += 1 }
        return .queued(nextNumber)
    }

    /// One is out. Where nobody was in, nothing changes.
    /// - Returns: who comes in instead.
    mutating func leave() -> UInt64? {
        guard waiting > 0 else {
            if running > 0 { running -= 1 }
            return nil
        }
        let number = queue[head]
        dropFirst()
        return number
    }

    /// One who waits does so no longer.
    /// - Returns: false when it is not waiting, because it is in already.
    mutating func abandon(_ number: UInt64) -> Bool {
        // Numbers ascend: O(log n) to find, and as long as moving those behind takes.
        var (low, high) = (head, queue.count)
        while low < high {
            let middle = (low + high) / 2
            if queue[middle] < number { low = middle + 1 } else { high = middle }
        }
        guard low < queue.count, queue[low] == number else { return false }
        if low == head { dropFirst() } else { queue.remove(at: low) }
        return true
    }

    private mutating func dropFirst() {
        head += 1
        if head == queue.count || head >= 64 && head * 2 >= queue.count {
            queue.removeFirst(head)
            head = 0
        }
    }
}
