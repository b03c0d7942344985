import StrictJSON

/// A request as the ledger takes it.
public struct LedgerRequest: Sendable, Hashable {
    /// `GET` or `POST`.
    public var method: String
    /// Without the query.
    public var path: String
    /// The form, or the query of a GET, as it came.
    public var parameters: String
    /// `Idempotency-Key`.
    public var idempotencyKey: String?
    /// `Authorization`.
    public var authorization: String?
    /// `traceparent`, of W3C Trace Context; several of them are joined by commas.
    public var traceparent: String?
    /// `tracestate`, likewise.
    public var tracestate: String?

    /// A request.
    public init(
        method: String, target: String, body: String, idempotencyKey: String? = nil, authorization: String? = nil,
        traceparent: String? = nil, tracestate: String? = nil
    ) {
        let parts = target.split(separator: "?", maxSplits: 1)
        (self.method, path) = (method, String(parts.first ?? ""))
        parameters = method == "POST" ? body : parts.count == 2 ? String(parts[1]) : ""
        (self.idempotencyKey, self.authorization) = (idempotencyKey, authorization)
        (self.traceparent, self.tracestate) = (traceparent, tracestate)
    }

    /// The parts of the path behind `/v1`.
    var segments: [String] { path.split(separator: "/").dropFirst().map(String.init) }

    /// Which call it is.
    public var endpoint: StripeEndpoint? {
        let segments = segments
        switch (method, segments.first, segments.count) {
        case ("POST", "payment_intents", 1): return .create
        case ("GET", "payment_intents", 2): return segments[1] == "search" ? .search : .fetch
        case ("POST", "payment_intents", 3):
            return ["confirm": .confirm, "capture": .capture, "cancel": .cancel][segments[2]]
        case ("POST", "refunds", 1): return .refund
        case ("GET", "refunds", 1): return .refunds
        default: return nil
        }
    }

    /// The parameters by name, decoded.
    var fields: [String: String] {
        var fields: [String: String] = [:]
        for pair in parameters.split(separator: "&") {
            let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            fields[Self.decoded(parts[0])] = parts.count == 2 ? Self.decoded(parts[1]) : ""
        }
        return fields
    }

    private static func decoded(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// An answer of the ledger.
public struct LedgerAnswer: Sendable, Hashable {
    /// The status.
    public var status: Int
    /// The document.
    public var body: JSONValue
    /// Whether it was stored under the key before.
    public var isReplay = false

    init(_ status: Int, _ body: JSONValue) { (self.status, self.body) = (status, body) }

    static func failure(_ status: Int, _ type: String, _ code: String?, _ message: String) -> LedgerAnswer {
        var error: JSONObject = ["type": .string(type), "message": .string(message)]
        if let code { error["code"] = .string(code) }
        return LedgerAnswer(status, ["error": .object(error)])
    }
    static func invalid(_ code: String, _ message: String) -> LedgerAnswer {
        failure(400, "invalid_request_error", code, message)
    }
    static let serverError = failure(500, "api_error", nil, "An unknown error occurred")
}
