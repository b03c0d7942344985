import Determinism
import StrictJSON
import Synchronization

/// One request of a history and what came of it.
public struct Exchange: Sendable {
    /// What kind of request it is.
    public enum Kind: Sendable, Hashable {
        /// A new order.
        case order
        /// The cancellation of this order.
        case cancel(String)
        /// The fulfilment of this order.
        case fulfill(String)
        /// A refund of this order.
        case refund(String)
        /// Anything else.
        case other
    }

    /// The place in the history, from 0, in the order of sending.
    public let number: Int
    /// The organization's id.
    public let organization: String
    /// `GET`, `POST`, …
    public let method: String
    /// Path and query.
    public let path: String
    /// The value of `Idempotency-Key`.
    public let idempotencyKey: String?
    /// The body.
    public let body: JSONValue?
    /// When it was sent.
    public let sentAt: Instant
    /// When its answer came, or the sign that there will be none.
    public var endedAt: Instant?
    /// What came of it; nil while nobody knows.
    public var outcome: Outcome?

    /// An exchange.
    public init(
        number: Int, organization: String, method: String, path: String, idempotencyKey: String? = nil,
        body: JSONValue? = nil, sentAt: Instant = Instant(nanoseconds: 0), outcome: Outcome? = nil
    ) {
        (self.number, self.organization, self.method, self.path) = (number, organization, method, path)
        (self.idempotencyKey, self.body, self.sentAt, self.outcome) = (idempotencyKey, body, sentAt, outcome)
    }

    /// The answer, if there is one.
    public var answer: PantryAnswer? { outcome?.answer }

    /// What kind of request it is, by its path.
    public var kind: Kind {
        guard method == "POST" else { return .other }
        let parts = path.split(separator: "/").map(String.init)
        guard parts.count >= 2, parts[0] == "v1", parts[1] == "orders" else { return .other }
        switch (parts.count, parts.last) {
        case (2, _): return .order
        case (4, "cancel"): return .cancel(parts[2])
        case (4, "fulfill"): return .fulfill(parts[2])
        case (4, "refunds"): return .refund(parts[2])
        default: return .other
        }
    }

    /// The request in a few words, for messages.
    public var title: String {
        "#\(number) \(method) \(path)" + (idempotencyKey.map { " (key \($0))" } ?? "")
    }
}

/// Every request that was sent and every answer that came: what a client may hold the server to. Only ever added to.
public final class History: Sendable {
    private let exchanges: Mutex<[Exchange]>

    /// An empty history, or one that goes on from another: what happens to a copy of an installation is no part of the
    /// original's past.
    public init(after past: History? = nil) { exchanges = Mutex(past?.all ?? []) }

    /// All of it, in the order of sending.
    public var all: [Exchange] { exchanges.withLock { $0 } }

    /// How many requests have been sent.
    public var count: Int { exchanges.withLock { $0.count } }

    /// How many answers have come.
    public var answers: Int { exchanges.withLock { $0.count { $0.answer != nil } } }

    /// Notes a request that is about to be sent.
    /// - Returns: its number.
    public func begin(
        organization: String, method: String, path: String, idempotencyKey: String?, body: JSONValue?, at now: Instant
    ) -> Int {
        exchanges.withLock { exchanges in
            exchanges.append(
                Exchange(
                    number: exchanges.count, organization: organization, method: method, path: path,
                    idempotencyKey: idempotencyKey, body: body, sentAt: now))
            return exchanges.count - 1
        }
    }

    /// Notes what came of the request `number`.
    public func end(_ number: Int, _ outcome: Outcome, at now: Instant) {
        exchanges.withLock { exchanges in
            exchanges[number].outcome = outcome
            exchanges[number].endedAt = now
        }
    }
}
