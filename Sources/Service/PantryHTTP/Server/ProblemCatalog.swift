import HTTPTypes

/// The problems that the server itself answers. Those of the business are made where they arise.
extension Problem {
    package static func malformedRequest(_ detail: String) -> Problem {
        Problem(status: .badRequest, code: "malformed-request", title: "Malformed request", detail: detail)
    }

    package static func unauthorized(_ detail: String) -> Problem {
        Problem(
            status: .unauthorized, code: "unauthorized", title: "Unauthorized", detail: detail,
            headers: [.wwwAuthenticate: "Bearer"])
    }

    package static func forbidden(_ detail: String) -> Problem {
        Problem(status: .forbidden, code: "forbidden", title: "Forbidden", detail: detail)
    }

    package static func notFound(_ detail: String) -> Problem {
        Problem(status: .notFound, code: "not-found", title: "Not found", detail: detail)
    }

    package static func requestTimeout(_ detail: String) -> Problem {
        Problem(
            status: .requestTimeout, code: "request-timeout", title: "Request timeout", detail: detail,
            retryable: true)
    }

    /// Something of ours broke. It says nothing about what.
    package static var `internal`: Problem {
        Problem(
            status: .internalServerError, code: "internal", title: "Internal error",
            detail: "Something went wrong on our side. The request id finds it in our logs.", retryable: true)
    }

    static func methodNotAllowed(_ allowed: String) -> Problem {
        Problem(
            status: .methodNotAllowed, code: "method-not-allowed", title: "Method not allowed",
            detail: "This path takes \(allowed).", headers: [.allow: allowed])
    }

    static func bodyTooLarge(limit: Int) -> Problem {
        Problem(
            status: .contentTooLarge, code: "body-too-large", title: "Body too large",
            detail: "The body may have at most \(limit) bytes.")
    }

    static func unsupportedMediaType(_ kinds: [String]) -> Problem {
        Problem(
            status: .unsupportedMediaType, code: "unsupported-media-type", title: "Unsupported media type",
            detail: "Send the body as \(kinds.joined(separator: " or ")), in UTF-8, and say so in Content-Type.",
            headers: [.accept: kinds.joined(separator: ", ")])
    }

    static var expectationFailed: Problem {
        Problem(
            status: .expectationFailed, code: "expectation-failed", title: "Expectation failed",
            detail: "The only expectation that can be met is 100-continue.")
    }

    static func targetTooLong(limit: Int) -> Problem {
        Problem(
            status: .uriTooLong, code: "uri-too-long", title: "URI too long",
            detail: "Path and query may have at most \(limit) bytes together.")
    }

    static func headersTooLarge(list: Int, count: Int) -> Problem {
        Problem(
            status: .requestHeaderFieldsTooLarge, code: "headers-too-large", title: "Headers too large",
            detail: "Headers may have at most \(list) bytes together, and there may be at most \(count).")
    }

    static var unsupportedHTTPVersion: Problem {
        Problem(
            status: .httpVersionNotSupported, code: "unsupported-http-version", title: "HTTP version not supported",
            detail: "This server speaks HTTP/1.1 and HTTP/1.0.")
    }

    static var notReady: Problem {
        Problem(
            status: .serviceUnavailable, code: "shard-unavailable", title: "Not ready yet",
            detail: "The server is starting and still recovering its state.", retryable: true, retryAfter: 1)
    }
}
