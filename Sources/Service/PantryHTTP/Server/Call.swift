import HTTPTypes
import Logging

/// A request as its handler sees it: matched, authenticated, and with its body read.
package struct Call: Sendable {
    package var method: HTTPRequest.Method
    /// The path as the client sent it, still percent-encoded, without the query.
    package var path: String
    /// The pattern of the route, which may stand in logs and metrics where the path may not.
    package var pattern: String
    /// The values of the pattern's parameters, percent-decoded exactly once.
    package var parameters: [String: String]
    package var query: Query
    package var headers: HTTPFields
    package var body: [UInt8]
    package var requestID: String
    /// The client's W3C `traceparent`, when it sent a valid one.
    package var traceparent: String?
    /// nil on open routes only.
    package var principal: Principal?
    /// The client's IP address, behind trusted proxies the one that they report.
    package var clientAddress: String
    package var receivedAt: ContinuousClock.Instant
    package var baseLogger: Logger
    /// On routes that are `listening()` only: who waits.
    package var listener: Listener?

    package init(
        method: HTTPRequest.Method, path: String, pattern: String, parameters: [String: String] = [:],
        query: Query = .empty, headers: HTTPFields = [:], body: [UInt8] = [], requestID: String,
        traceparent: String? = nil, principal: Principal? = nil, clientAddress: String = "",
        receivedAt: ContinuousClock.Instant, baseLogger: Logger
    ) {
        self.method = method
        self.path = path
        self.pattern = pattern
        self.parameters = parameters
        self.query = query
        self.headers = headers
        self.body = body
        self.requestID = requestID
        self.traceparent = traceparent
        self.principal = principal
        self.clientAddress = clientAddress
        self.receivedAt = receivedAt
        self.baseLogger = baseLogger
    }

    /// A logger that names the request. It is made when asked for, because most requests never log.
    package var logger: Logger {
        var logger = baseLogger
        logger[metadataKey: "requestId"] = .string(requestID)
        if let traceparent { logger[metadataKey: "traceparent"] = .string(traceparent) }
        return logger
    }
}
