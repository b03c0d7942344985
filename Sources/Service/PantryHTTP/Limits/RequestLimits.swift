import Determinism
import HTTPTypes
import RateLimiting

/// How much an organization may ask for, by its plan, and an address that has shown no credentials.
package struct RequestLimits: Sendable {
    /// What a plan allows; nil for no limit.
    package struct Plan: Sendable, Hashable {
        /// Requests of any kind.
        package var requests: RateLimit?
        /// New orders; each is a request as well.
        package var orders: RateLimit?

        package init(requests: RateLimit?, orders: RateLimit?) { (self.requests, self.orders) = (requests, orders) }
    }
    /// Decides about a request; never fails.
    package typealias Decide = @Sendable (RateLimitRequest) async -> RateLimitDecision

    /// What a request is charged to, made once for each plan.
    private struct Checks {
        var requests: RateLimitCheck?
        var orders: RateLimitCheck?

        init(_ plan: Plan) {
            (requests, orders) = (plan.requests.map(\.countedByItsNumbers), plan.orders.map(\.countedByItsNumbers))
        }
    }
    private let plans: [String: Checks]
    private let fallback: Checks?
    private let anonymous: RateLimitCheck?
    private let form: RateLimitFields.Form
    private let decide: Decide

    /// - Parameters:
    ///   - plans: by their names.
    ///   - fallback: the name of the plan of organizations whose own is not there any more.
    ///   - anonymous: for each address, of requests that show no valid credentials.
    ///   - form: which draft the answers' fields are written by.
    package init(
        plans: [String: Plan], fallback: String = "standard", anonymous: RateLimit?, form: RateLimitFields.Form,
        decide: @escaping Decide
    ) {
        (self.form, self.decide) = (form, decide)
        self.plans = plans.mapValues { Checks($0) }
        self.fallback = self.plans[fallback]
        self.anonymous = anonymous.map(\.countedByItsNumbers)
    }

    /// Charges a request of an organization, or of the operator, who has no limits.
    /// - Returns: what the answer says about it.
    /// - Throws: 429.
    func charge(_ principal: Principal, _ route: Route) async throws(Problem) -> HTTPFields {
        guard let caller = principal.organization, let plan = plans[caller.plan] ?? fallback else {
            return HTTPFields()
        }
        var checks: [RateLimitCheck] = []
        if route.limiting == .newOrder, let orders = plan.orders { checks.append(orders) }
        if let requests = plan.requests { checks.append(requests) }
        if checks.isEmpty { return HTTPFields() }
        return try fields(await decide(RateLimitRequest(tenant: caller.organizationID, checks)))
    }

    /// Charges a request that shows no credentials, or wrong ones, to its address.
    /// - Returns: what the answer says about it.
    /// - Throws: 429.
    func charge(anonymous address: String) async throws(Problem) -> HTTPFields {
        guard let anonymous else { return HTTPFields() }
        let key = AddressRange.limitKey(of: address)
        return try fields(await decide(RateLimitRequest(tenant: key, [anonymous])))
    }

    private func fields(_ decision: RateLimitDecision) throws(Problem) -> HTTPFields {
        let fields = RateLimitFields.fields(of: decision.verdicts, form)
        if decision.isAllowed { return fields }
        throw .rateLimited(decision, fields)
    }
}

extension RateLimit {
    /// A check whose count belongs to these numbers. Others, of another plan or of a server that is started with
    /// another configuration, have counts of their own: each begins with all of it, and none is begun anew by the
    /// others, however they alternate. What they admit together is no more than the sum of their limits.
    fileprivate var countedByItsNumbers: RateLimitCheck {
        let block = blocksFor.map { "-\($0.inMilliseconds)" } ?? ""
        let numbers =
            switch algorithm {
            case .tokenBucket(let capacity, let refill, let period):
                "bucket-\(capacity)-\(refill)-\(period.inMilliseconds)"
            case .slidingWindow(let quota, let window): "sliding-\(quota)-\(window.inMilliseconds)"
            case .fixedWindow(let quota, let window): "fixed-\(quota)-\(window.inMilliseconds)"
            }
        return RateLimitCheck(self, subject: numbers + block)
    }
}

extension Problem {
    /// Over a limit. `error` and `retryAfter` are the members that clients of the first version know.
    static func rateLimited(_ decision: RateLimitDecision, _ fields: HTTPFields) -> Problem {
        let binding = decision.binding
        // Never earlier than it can succeed.
        let seconds = decision.retryAfter.map { max(Int(clamping: $0.inSecondsRoundedUp), 1) }
        let detail =
            switch binding.outcome {
            case .never: "The limit '\(binding.name)' allows no such request."
            case .blocked: "The limit '\(binding.name)' was exceeded; requests are refused for a while."
            case .refused, .allowed:
                "The limit '\(binding.name)' of \(binding.quota) in \(binding.window.inWords) is used up."
            }
        var extra = [ExtraMember("error", json: #""Too many requests""#)]
        if let seconds { extra.append(ExtraMember("retryAfter", json: "\(seconds)")) }
        return Problem(
            status: .tooManyRequests, code: "rate-limited", title: "Too many requests", detail: detail,
            retryable: seconds != nil, retryAfter: seconds, extraMembers: extra, headers: fields)
    }
}

extension Duration {
    fileprivate var inWords: String {
        let milliseconds = inMilliseconds
        return milliseconds % 1_000 == 0 ? "\(milliseconds / 1_000) s" : "\(milliseconds) ms"
    }
}

extension AddressRange {
    /// What an address is counted by: an IPv6 address by its /64, because whoever has one has all of that network.
    static func limitKey(of address: String) -> String {
        guard let bytes = bytes(of: address) else { return "address" }
        if bytes.count == 4 { return bytes.map(String.init).joined(separator: ".") }
        return bytes.prefix(8).map { String($0, radix: 16) }.joined(separator: ":") + "/64"
    }
}
