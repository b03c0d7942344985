import HTTPTypes
import Synchronization

/// Bounds how many requests are answered at a time. A part of the room is kept for what finishes something that was
/// begun: canceling an order, giving its money back, hearing what became of a payment. A flood of anything else, reads
/// as well as new orders, leaves it free.
package final class InFlightLimit: Sendable {
    /// The part of the room, in percent, that is open to everything.
    private static let openShare = 80
    /// How many streamed bodies one organization may be sending at a time.
    private static let streamsOfOne = 4
    private let (limit, openLimit, streams): (Int, Int, Int)
    /// Who sends streams, and how many. As long as these last is for their senders to say: they have room of their own,
    /// so that nobody else waits for somebody's slow line.
    private let senders = Mutex<[String: Int]>([:])
    private let count = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    /// - Parameter limit: the most requests at a time, at least 1.
    package init(_ limit: Int) {
        self.limit = max(limit, 1)
        openLimit = max(self.limit * Self.openShare / 100, 1)
        streams = max(self.limit / 16, Self.streamsOfOne + 1)
    }

    /// How many are being answered.
    package var current: Int { count.load(ordering: .relaxed) }
    /// How many were refused.
    package var refusals: Int { refused.load(ordering: .relaxed) }

    /// Asks whether a request would find room, before anything is done for it. Takes none: others may have it when it
    /// comes to ``enter(isFinishing:)``.
    /// - Throws: 503 `overloaded`.
    func look(isFinishing: Bool) throws(Problem) {
        guard count.load(ordering: .relaxed) < (isFinishing ? limit : openLimit) else {
            refused.wrappingAdd(1, ordering: .relaxed)
            throw .overloaded
        }
    }

    /// A request begins; ``leave()`` follows.
    /// - Throws: 503 `overloaded`.
    func enter(isFinishing: Bool) throws(Problem) {
        let before = count.wrappingAdd(1, ordering: .relaxed).oldValue
        guard before < (isFinishing ? limit : openLimit) else {
            count.wrappingSubtract(1, ordering: .relaxed)
            refused.wrappingAdd(1, ordering: .relaxed)
            throw .overloaded
        }
    }

    /// A request whose body is taken as it comes begins; ``leaveStream(of:)`` follows.
    /// - Throws: 503 `overloaded`.
    func enterStream(of sender: String) throws(Problem) {
        let isTaken = senders.withLock { senders in
            let own = senders[sender, default: 0]
            guard own < Self.streamsOfOne, senders.values.reduce(0, +) < streams else { return false }
            senders[sender] = own + 1
            return true
        }
        if isTaken { return }
        refused.wrappingAdd(1, ordering: .relaxed)
        throw .overloaded
    }

    /// It is answered.
    func leaveStream(of sender: String) {
        senders.withLock { senders in
            let left = senders[sender, default: 1] - 1
            senders[sender] = left > 0 ? left : nil
        }
    }

    /// A request that has entered is answered.
    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}

extension Problem {
    static var overloaded: Problem {
        Problem(
            status: .serviceUnavailable, code: "overloaded", title: "Overloaded",
            detail: "The server has as much to do as it can; what was begun is finished first.", retryable: true,
            retryAfter: 1)
    }
}
