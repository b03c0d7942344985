import HTTPTypes
import Synchronization

/// Bounds how many requests are answered at a time. What begins something new is refused first, so that there is room
/// for finishing what was begun: looking an order up, canceling it, giving its money back.
package final class InFlightLimit: Sendable {
    /// The part of the room, in percent, that what begins something new may use.
    private static let shareOfBeginnings = 80
    private let (limit, beginnings): (Int, Int)
    private let count = Atomic<Int>(0)
    private let refused = Atomic<Int>(0)

    /// - Parameter limit: the most requests at a time, at least 1.
    package init(_ limit: Int) {
        self.limit = max(limit, 1)
        beginnings = max(self.limit * Self.shareOfBeginnings / 100, 1)
    }

    /// How many are being answered.
    package var current: Int { count.load(ordering: .relaxed) }
    /// How many were refused.
    package var refusals: Int { refused.load(ordering: .relaxed) }

    /// A request begins; ``leave()`` follows.
    /// - Throws: 503 `overloaded`.
    func enter(_ isBeginning: Bool) throws(Problem) {
        let before = count.wrappingAdd(1, ordering: .relaxed).oldValue
        guard before < (isBeginning ? beginnings : limit) else {
            count.wrappingSubtract(1, ordering: .relaxed)
            refused.wrappingAdd(1, ordering: .relaxed)
            throw .overloaded
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
