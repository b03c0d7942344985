import Synchronization

/// Which call of Stripe's API a request is.
public enum StripeEndpoint: String, Sendable, CaseIterable {
    /// `POST /v1/payment_intents`
    case create
    /// `POST /v1/payment_intents/{id}/confirm`
    case confirm
    /// `POST /v1/payment_intents/{id}/capture`
    case capture
    /// `POST /v1/payment_intents/{id}/cancel`
    case cancel
    /// `GET /v1/payment_intents/{id}`
    case fetch
    /// `GET /v1/payment_intents/search`
    case search
    /// `POST /v1/refunds`
    case refund
    /// `GET /v1/refunds`
    case refunds
}

/// How one request goes wrong.
public enum StripeFault: Sendable, Hashable {
    /// Not at all.
    case none
    /// It is executed only after that time, and its key is in flight meanwhile.
    case delay(Duration)
    /// It is held up on its way, and arrives only when ``StripeFaultScript/release()`` is called.
    case held
    /// The connection is closed; nothing is executed.
    case dropBefore
    /// It is executed, and the connection closed.
    case dropAfter
    /// It is executed, and the connection reset.
    case resetAfter
    /// 503 from somebody in front of Stripe; nothing is executed or stored.
    case unavailable
    /// The same, with `Retry-After`.
    case unavailableFor(seconds: Int)
    /// 500 without effect, stored under the key.
    case failWithoutEffect
    /// 500 with full effect, stored under the key.
    case failWithEffect
    /// 429 with `Retry-After`, before anything is executed or stored.
    case rateLimit(seconds: Int)
    /// 429 with the code `lock_timeout`.
    case lockTimeout
    /// It is executed; the answer ends in the middle.
    case halfAnswer
    /// It is executed; the answer is no JSON.
    case garbage
    /// It is not executed, and there is no answer.
    case stallBefore
    /// It is executed, and there is no answer.
    case stallAfter
}

/// What goes wrong next. Each entry is used once, by the first request that it fits.
public final class StripeFaultScript: Sendable {
    private struct Entry: Sendable {
        let endpoint: StripeEndpoint?
        let fault: StripeFault
    }
    private let entries = Mutex<[Entry]>([])
    private let held = Mutex<[@Sendable () -> Void]>([])
    let onStall: @Sendable () -> Void

    /// Nothing goes wrong.
    /// - Parameter onStall: called when a request has stalled, for tests that let its time be up then.
    public init(onStall: @escaping @Sendable () -> Void = {}) { self.onStall = onStall }

    /// The faults of the next requests, in order; of one kind of request, if `endpoint` says which.
    public func add(_ faults: [StripeFault], on endpoint: StripeEndpoint? = nil) {
        entries.withLock { $0 += faults.map { Entry(endpoint: endpoint, fault: $0) } }
    }
    /// Nothing goes wrong any more.
    public func clear() { entries.withLock { $0 = [] } }
    /// How many requests are held up.
    public var heldCount: Int { held.withLock { $0.count } }
    /// Lets those that are held up arrive.
    public func release() {
        let waiting = held.withLock { held in
            defer { held = [] }
            return held
        }
        for arrive in waiting { arrive() }
    }
    func hold(_ arrive: @escaping @Sendable () -> Void) { held.withLock { $0.append(arrive) } }

    /// How many entries wait for their request.
    public var count: Int { entries.withLock { $0.count } }

    func next(for endpoint: StripeEndpoint?) -> StripeFault {
        entries.withLock { entries in
            guard let index = entries.firstIndex(where: { $0.endpoint == nil || $0.endpoint == endpoint }) else {
                return .none
            }
            return entries.remove(at: index).fault
        }
    }
}
