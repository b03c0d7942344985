/// A key under a limit, as local tables name it.
struct LocalKey: Hashable {
    let tenant: String
    let limit: String
    let subject: String

    init(_ request: RateLimitRequest, _ check: RateLimitCheck) {
        (tenant, limit, subject) = (request.tenant, check.limit.name, check.subject)
    }
}
