import Determinism
import HTTPTypes
import RateLimiting

/// What an answer says about the limits that its request was charged to.
package enum RateLimitFields {
    /// Which draft of "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers) they are written by.
    package enum Form: String, Sendable, CaseIterable {
        /// Drafts 08 to 11: lists of items with parameters, one item for each limit. RFC 9651.
        case current
        /// Draft 07: one dictionary, of the limit that is nearest.
        case draft7 = "draft-7"
        /// Drafts 03 to 06: a field for each number, of the limit that is nearest.
        case draft6 = "draft-6"
        /// None.
        case none
    }

    static func fields(of verdicts: [RateLimitVerdict], _ form: Form) -> HTTPFields {
        var fields = HTTPFields()
        switch form {
        case .none: break
        case .current:
            fields[.rateLimitPolicy] = verdicts.map { "\(name($0));q=\($0.quota);w=\(window($0))" }
                .joined(separator: ", ")
            fields[.rateLimit] = verdicts.map { "\(name($0));r=\($0.remaining);t=\(seconds($0.moreAfter))" }
                .joined(separator: ", ")
        case .draft7:
            guard let nearest = nearest(verdicts) else { break }
            fields[.rateLimitPolicy] = verdicts.map { "\($0.quota);w=\(window($0))" }.joined(separator: ", ")
            fields[.rateLimit] =
                "limit=\(nearest.quota), remaining=\(nearest.remaining), reset=\(seconds(nearest.moreAfter))"
        case .draft6:
            guard let nearest = nearest(verdicts) else { break }
            fields[.rateLimitPolicy] = verdicts.map { "\($0.quota);w=\(window($0))" }.joined(separator: ", ")
            fields[.rateLimitLimit] = "\(nearest.quota)"
            fields[.rateLimitRemaining] = "\(nearest.remaining)"
            fields[.rateLimitReset] = "\(seconds(nearest.moreAfter))"
        }
        return fields
    }

    /// A string of RFC 9651. The names are ours and have nothing to escape.
    private static func name(_ verdict: RateLimitVerdict) -> String { "\"\(verdict.name)\"" }

    /// A positive number of seconds.
    private static func window(_ verdict: RateLimitVerdict) -> Int64 { max(seconds(verdict.window), 1) }

    private static func seconds(_ duration: Duration) -> Int64 { max(duration.inSecondsRoundedUp, 0) }

    /// The one that would be used up first.
    private static func nearest(_ verdicts: [RateLimitVerdict]) -> RateLimitVerdict? {
        verdicts.min { a, b in
            Double(a.remaining) / Double(max(a.quota, 1)) < Double(b.remaining) / Double(max(b.quota, 1))
        }
    }
}

extension Duration {
    /// Rounded up to the nanosecond: nothing is there earlier than said.
    var inSecondsRoundedUp: Int64 { components.seconds + (components.attoseconds > 0 ? 1 : 0) }
}

extension RateLimitVerdict {
    /// In how long there is more: `t`, and never later than `Retry-After`.
    fileprivate var moreAfter: Duration { retryAfter ?? nextAfter }
}

extension HTTPField.Name {
    static let rateLimitPolicy = HTTPField.Name("RateLimit-Policy")!
    static let rateLimit = HTTPField.Name("RateLimit")!
    static let rateLimitLimit = HTTPField.Name("RateLimit-Limit")!
    static let rateLimitRemaining = HTTPField.Name("RateLimit-Remaining")!
    static let rateLimitReset = HTTPField.Name("RateLimit-Reset")!
}
