import HTTPTypes

/// What a handler answers. The server adds `Content-Length`, `X-Request-Id` and, when it closes, `Connection`.
package struct Reply: Sendable {
    /// The bytes of an answer, in whichever form the handler has them.
    package enum Body: Sendable {
        case empty
        case bytes([UInt8])
        case text(String)
        /// What is made while it is sent. Only a route that is `listening()` may answer so.
        ///
        /// Status and headers go out before the producer begins. It is cancelled when the client goes away or the
        /// server stops. When it returns, or the server stops, the answer is complete; when it throws, the connection
        /// is closed so that the client sees that something is missing (HTTP/1.0 cannot tell).
        case stream(@Sendable (StreamWriter) async throws -> Void)

        /// The number of bytes that there are now.
        package var count: Int {
            switch self {
            case .empty, .stream: 0
            case .bytes(let bytes): bytes.count
            case .text(let text): text.utf8.count
            }
        }
    }

    package var status: HTTPResponse.Status
    package var headers: HTTPFields
    package var body: Body
    /// nil leaves out `Content-Type`, as an empty answer does.
    package var contentType: String?

    package init(
        status: HTTPResponse.Status, headers: HTTPFields = HTTPFields(), body: Body = .empty,
        contentType: String? = nil
    ) {
        self.status = status
        self.headers = headers
        self.body = body
        self.contentType = contentType
    }

    /// JSON that is already rendered.
    package static func json(
        _ status: HTTPResponse.Status, _ text: String, headers: HTTPFields = HTTPFields()
    ) -> Reply {
        Reply(status: status, headers: headers, body: .text(text), contentType: "application/json")
    }

    /// JSON that is already rendered, as bytes.
    package static func json(
        _ status: HTTPResponse.Status, bytes: [UInt8], headers: HTTPFields = HTTPFields()
    ) -> Reply {
        Reply(status: status, headers: headers, body: .bytes(bytes), contentType: "application/json")
    }

    /// Plain text, such as metrics.
    package static func text(
        _ status: HTTPResponse.Status, _ text: String, contentType: String = "text/plain; charset=utf-8"
    ) -> Reply {
        Reply(status: status, body: .text(text), contentType: contentType)
    }

    /// What the producer writes, as it writes it.
    package static func stream(
        _ contentType: String, headers: HTTPFields = HTTPFields(),
        _ produce: @escaping @Sendable (StreamWriter) async throws -> Void
    ) -> Reply {
        Reply(status: .ok, headers: headers, body: .stream(produce), contentType: contentType)
    }

    /// A problem as `application/problem+json`, for a handler that answers one as a value; throwing it does the same.
    package static func problem(_ problem: Problem, requestID: String) -> Reply {
        Reply(
            status: problem.status, headers: problem.allHeaders, body: .bytes(problem.rendered(requestID: requestID)),
            contentType: "application/problem+json")
    }
}
