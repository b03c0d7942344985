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
    /// Those who wait, by the number they were given; false for one who has left. Numbers are given in order, so that a
    /// number is also a place.
    private var queue: [Bool] = []
    private var head = 0
    private var firstNumber: UInt64 = 0
    /// How many are in.
    private(set) var running = 0
    /// How many wait.
    private(set) var waiting = 0
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
        queue.append(true)
        waiting += 1
        return .queued(firstNumber + UInt64(queue.count - head - 1))
    }

    /// One is out.
    /// - Returns: who comes in instead.
    mutating func leave() -> UInt64? {
        while head < queue.count {
            let (isWaiting, number) = (queue[head], firstNumber)
            dropFirst()
            if isWaiting {
                waiting -= 1
                return number
            }
        }
        running -= 1
        return nil
    }

    /// One who waits does so no longer.
    /// - Returns: false when it is not waiting, because it is in already.
    mutating func abandon(_ number: UInt64) -> Bool {
        guard number >= firstNumber, number - firstNumber < UInt64(queue.count - head) else { return false }
        let index = head + Int(number - firstNumber)
        guard queue[index] else { return false }
        queue[index] = false
        waiting -= 1
        while head < queue.count, !queue[head] { dropFirst() }
        return true
    }

    private mutating func dropFirst() {
        head += 1
        firstNumber += 1
        if head >= 64, head * 2 >= queue.count {
            queue.removeFirst(head)
            head = 0
        }
    }
}
