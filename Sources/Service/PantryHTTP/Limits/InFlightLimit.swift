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
    /// How many of an organization's clients may be waiting for what is to come.
    private static let listenersOfOne = 64
    private let (limit, openLimit): (Int, Int)
    /// Who sends streams, and how many. As long as these last is for their senders to say: they have room of their own,
    /// so that nobody else waits for somebody's slow line.
    private let senders: Mutex<Places>
    /// Who listens. These do nothing most of the time, and for hours: they take no place of those who want an answer.
    private let listeners: Mutex<Places>
    private let count = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    /// - Parameter limit: the most requests at a time, at least 1.
    package init(_ limit: Int) {
        self.limit = max(limit, 1)
        openLimit = max(self.limit * Self.openShare / 100, 1)
        senders = Mutex(
            Places(ofOne: Self.streamsOfOne, ofAll: max(self.limit / 16, Self.streamsOfOne + 1)))
        listeners = Mutex(
            Places(ofOne: Self.listenersOfOne, ofAll: max(self.limit / 2, Self.listenersOfOne + 1)))
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
        if senders.withLock({ $0.enter(sender) }) { return }
        refused.wrappingAdd(1, ordering: .relaxed)
        throw .overloaded
    }

    /// It is answered.
    func leaveStream(of sender: String) { senders.withLock { $0.leave(sender) } }

    /// A client begins to wait for what is to come; ``leaveListener(of:)`` follows.
    /// - Throws: 503 `overloaded`.
    func enterListener(of organization: String) throws(Problem) {
        if listeners.withLock({ $0.enter(organization) }) { return }
        refused.wrappingAdd(1, ordering: .relaxed)
        throw .tooManyListeners
    }

    /// It has its answer, be it a stream that has ended.
    func leaveListener(of organization: String) { listeners.withLock { $0.leave(organization) } }

    /// How many listen.
    package var listenerCount: Int { listeners.withLock { $0.all } }

    /// A request that has entered is answered.
    func leave() { count.wrappingSubtract(1, ordering: .relaxed) }
}

/// Places that are bounded for each of those who take them, and for all together.
private struct Places {
    let ofOne: Int
    let ofAll: Int
    private(set) var all = 0
    private var taken: [String: Int] = [:]

    init(ofOne: Int, ofAll: Int) { (self.ofOne, self.ofAll) = (ofOne, ofAll) }

    /// - Returns: whether there was a place.
    mutating func enter(_ name: String) -> Bool {
        let own = taken[name, default: 0]
        guard own < ofOne, all < ofAll else { return false }
        taken[name] = own + 1
        all += 1
        return true
    }

    mutating func leave(_ name: String) {
        guard let own = taken[name] else { return }
        taken[name] = own > 1 ? own - 1 : nil
        all -= 1
    }
}

extension Problem {
    static var tooManyListeners: Problem {
        Problem(
            status: .serviceUnavailable, code: "overloaded", title: "Overloaded",
            detail: "As many clients wait for events as may; one that has ended makes room.", retryable: true,
            retryAfter: 5)
    }

    static var overloaded: Problem {
        Problem(
            status: .serviceUnavailable, code: "overloaded", title: "Overloaded",
            detail: "The server has as much to do as it can; what was begun is finished first.", retryable: true,
            retryAfter: 1)
    }
}
