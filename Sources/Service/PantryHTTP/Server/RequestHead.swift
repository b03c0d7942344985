import HTTPTypes
import NIOCore
import NIOHTTP1

/// How long a request's body is, as its headers say.
enum BodyFraming: Equatable {
    case none
    case length(Int)
    case chunked
}

/// What the decoder hands to a connection's conversation.
enum InboundPart: Sendable {
    case head(RequestHead)
    case body(ByteBuffer)
    case end
}

/// A request's line and headers. The headers that the server itself reads are picked while it is built, in one pass.
///
/// A class, because it travels through NIO's existential boxes, which hold a reference without another allocation.
final class RequestHead: Sendable {
    enum Expectation: Equatable {
        case none
        case proceed
        case unknown
    }

    /// A request that NIO's parser let through and that is refused nevertheless.
    enum Fault: Equatable {
        case targetTooLong
        case malformed(String)
    }

    let method: HTTPRequest.Method
    /// As the client sent it, percent-encoded.
    let target: String
    let fields: HTTPFields
    let isHTTP10: Bool
    /// Whether the client wants the connection to stay open, and HTTP lets it.
    let keepsAlive: Bool
    let framing: BodyFraming
    let expectation: Expectation
    let authorization: String?
    let contentType: String?
    let requestID: String?
    let traceparent: String?
    let forwardedFor: String?
    let fault: Fault?

    init(_ head: HTTPRequestHead, maxTarget: Int) {
        var picked = PickedHeaders()
        var fields = HTTPFields()
        fields.reserveCapacity(head.headers.count)
        for (name, value) in head.headers {
            guard let name = HTTPField.Name(name) else {
                picked.fault = .malformed("A header's name has a character that is not allowed.")
                continue
            }
            let field = HTTPField(name: name, value: value)
            picked.pick(name.canonicalName, field.value)
            fields.append(field)
        }
        isHTTP10 = head.version.minor == 0
        if picked.fault == nil { picked.check(isHTTP10: isHTTP10) }
        if head.uri.utf8.count > maxTarget { picked.fault = .targetTooLong }
        method = Self.method(head.method)
        target = head.uri
        self.fields = fields
        // After CONNECT or an upgrade NIO's decoder drops whatever follows, so the connection must not be used again.
        let leavesHTTP = head.method == .CONNECT || picked.upgrade
        keepsAlive = head.isKeepAlive && !leavesHTTP && picked.fault == nil
        framing = picked.framing
        expectation = isHTTP10 ? .none : picked.expectation
        authorization = picked.authorization
        contentType = picked.contentType
        requestID = picked.requestID
        traceparent = picked.traceparent
        forwardedFor = picked.forwardedFor
        fault = picked.fault
    }

    /// The values of all headers of this name, joined by commas; nil when there is none, or no header has such a name.
    func joined(_ name: String) -> String? {
        guard let name = HTTPField.Name(name) else { return nil }
        let values = fields[values: name]
        return values.isEmpty ? nil : values.joined(separator: ",")
    }

    private static func method(_ method: HTTPMethod) -> HTTPRequest.Method {
        switch method {
        case .GET: .get
        case .POST: .post
        case .PUT: .put
        case .PATCH: .patch
        case .DELETE: .delete
        case .HEAD: .head
        case .OPTIONS: .options
        // NIO's parser knows only methods that are tokens.
        default: HTTPRequest.Method(method.rawValue) ?? .trace
        }
    }
}

/// The headers that matter to the server, gathered in one pass over all of them.
private struct PickedHeaders {
    var authorization: String?
    var contentType: String?
    var requestID: String?
    var traceparent: String?
    var forwardedFor: String?
    var hosts = 0
    var framing = BodyFraming.none
    var expectation = RequestHead.Expectation.none
    var upgrade = false
    var fault: RequestHead.Fault?

    mutating func pick(_ name: String, _ value: String) {
        switch name {
        case "host": hosts += 1
        case "authorization": pickOnce(\.authorization, value, "Authorization")
        case "content-type": pickOnce(\.contentType, value, "Content-Type")
        case "content-length":
            guard let length = Int(value), length >= 0 else {
                fault = .malformed("Content-Length is not a length.")
                return
            }
            if length > 0, framing == .none { framing = .length(length) }
        case "transfer-encoding":
            if value.lowercased() != "chunked" || framing == .chunked {
                fault = .malformed("The only transfer coding that is understood is chunked, once.")
            }
            framing = .chunked
        case "expect": expectation = value.lowercased() == "100-continue" ? .proceed : .unknown
        case "upgrade": upgrade = true
        // A second value makes either of these worthless; the request goes on without.
        case "x-request-id": requestID = requestID == nil ? value : ""
        case "traceparent": traceparent = traceparent == nil ? value : ""
        case "x-forwarded-for": forwardedFor = forwardedFor.map { $0 + "," + value } ?? value
        default: break
        }
    }

    private mutating func pickOnce(_ path: WritableKeyPath<Self, String?>, _ value: String, _ name: String) {
        if self[keyPath: path] != nil { fault = .malformed("\(name) occurs twice.") }
        self[keyPath: path] = value
    }

    mutating func check(isHTTP10: Bool) {
        if hosts > 1 { fault = .malformed("Host occurs twice.") }
        if hosts == 0, !isHTTP10 { fault = .malformed("HTTP/1.1 requires a Host header.") }
        if isHTTP10, framing == .chunked { fault = .malformed("HTTP/1.0 has no chunked bodies.") }
    }
}
