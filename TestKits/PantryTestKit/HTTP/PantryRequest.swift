import StrictJSON

/// A request to a Pantry server.
public struct PantryRequest: Sendable, Hashable {
    /// What a request carries.
    public enum Body: Sendable, Hashable {
        /// JSON, with its media type.
        case json(JSONValue)
        /// Anything, with a media type.
        case bytes([UInt8], type: String)
    }

    /// `GET`, `POST`, …
    public var method: String
    /// Path and query, percent-encoded.
    public var path: String
    /// The body, if there is one.
    public var body: Body?
    /// The API key, session token or operator's token.
    public var credential: String?
    /// The value of `Idempotency-Key`.
    public var idempotencyKey: String?
    /// More headers.
    public var headers: [String: String]

    /// A request.
    public init(
        _ method: String, _ path: String, _ body: Body? = nil, credential: String? = nil,
        idempotencyKey: String? = nil, headers: [String: String] = [:]
    ) {
        (self.method, self.path, self.body) = (method, path, body)
        (self.credential, self.idempotencyKey, self.headers) = (credential, idempotencyKey, headers)
    }

    /// The JSON of the body, if it is JSON.
    public var json: JSONValue? {
        if case .json(let value)? = body { value } else { nil }
    }
}

/// An answer of a server.
public struct PantryAnswer: Sendable {
    /// The status code.
    public let status: Int
    /// The headers with their names in lower case, in their order.
    public let headers: [(name: String, value: String)]
    /// The body as it came.
    public let body: [UInt8]
    /// The body's JSON, or nil when it is none.
    public let json: JSONValue?

    /// An answer.
    public init(status: Int, headers: [(name: String, value: String)] = [], body: [UInt8]) {
        (self.status, self.headers, self.body) = (status, headers, body)
        var limits = JSONLimits()
        (limits.members, limits.values) = (1_000_000, 10_000_000)
        json = try? JSONReader.parse(body, limits: limits)
    }

    /// An answer with a JSON body.
    public init(status: Int, headers: [(name: String, value: String)] = [], json: JSONValue) {
        self.init(status: status, headers: headers, body: Array(json.serialized().utf8))
    }

    /// The first value of a header.
    public func header(_ name: String) -> String? {
        headers.first { $0.name == name.lowercased() }?.value
    }

    /// A member of the body's object.
    public subscript(name: String) -> JSONValue? { json?.object?[name] }

    /// The machine-readable code of a problem.
    public var code: String? { self["code"]?.string }
}

/// What came of a request. That no answer came is a value: for a test that kills servers it is the point.
public enum Outcome: Sendable, CustomStringConvertible {
    /// An answer.
    case answered(PantryAnswer)
    /// None: whether the request took effect is unknown.
    case noAnswer(String)

    /// The answer, if one came.
    public var answer: PantryAnswer? {
        if case .answered(let answer) = self { answer } else { nil }
    }

    /// The answer's status, or nil without an answer.
    public var status: Int? { answer?.status }

    /// The answer's JSON, or nil.
    public var json: JSONValue? { answer?.json }

    /// Status and body, or why there is no answer.
    public var description: String {
        switch self {
        case .answered(let answer): "\(answer.status) \(String(decoding: answer.body.prefix(600), as: UTF8.self))"
        case .noAnswer(let reason): "no answer: \(reason)"
        }
    }
}
