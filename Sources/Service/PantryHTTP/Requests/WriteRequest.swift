import HTTPTypes
import PantryDomain
import StrictJSON

/// What a request that changes something brings: its body, and its idempotency key if it has one.
struct WriteRequest {
    enum KeyUse {
        case required
        case optional
    }

    let body: JSONValue
    let key: RequestKey?

    /// A request with a body.
    /// - Parameter queries: the query parameters that the route knows.
    init(_ call: Call, key use: KeyUse, queries: [String] = []) throws(Problem) {
        _ = try QueryReader(call.query, known: queries)
        let name = try IdempotencyHeader.key(in: call.headers, use)
        let body = try Self.parse(call.body)
        self.body = body
        key = name.map { Self.requestKey($0, call, body.canonical()) }
    }

    /// A request that needs no body; an empty object is as good as none.
    init(bodiless call: Call) throws {
        _ = try QueryReader(call.query, known: [])
        let name = try IdempotencyHeader.key(in: call.headers, .optional)
        body = call.body.isEmpty ? [:] : try Self.parse(call.body)
        let problems = FieldProblemList()
        _ = ObjectReader(body, at: "", members: [], problems)
        try problems.check()
        key = name.map { Self.requestKey($0, call, []) }
    }

    private static func requestKey(_ name: String, _ call: Call, _ body: [UInt8]) -> RequestKey {
        var bytes = Array(call.path.utf8)
        bytes.append(UInt8(ascii: "\n"))
        bytes += body
        return RequestKey(
            route: "\(call.method.rawValue) \(call.pattern)", key: name, fingerprint: Digest.hexadecimal(bytes))
    }

    private static func parse(_ bytes: [UInt8]) throws(Problem) -> JSONValue {
        guard !bytes.isEmpty else { throw .malformedRequest("This request takes a JSON object as its body.") }
        do { return try JSONReader.parse(bytes) } catch {
            throw .malformedRequest(
                "The body is not valid JSON at line \(error.line), column \(error.column): \(error.message).")
        }
    }

    /// The key where the route requires one.
    func requiredKey() throws(Problem) -> RequestKey {
        guard let key else { throw IdempotencyHeader.missing }
        return key
    }
}

/// The header `Idempotency-Key`.
enum IdempotencyHeader {
    /// - Returns: the key, without the quotes that structured fields (RFC 8941) put around a string; nil without one.
    static func key(in headers: HTTPFields, _ use: WriteRequest.KeyUse) throws(Problem) -> String? {
        let values = headers[values: .idempotencyKey]
        guard let value = values.first else {
            if use == .required { throw missing }
            return nil
        }
        guard values.count == 1 else {
            throw .malformedRequest("Idempotency-Key is sent \(values.count) times; send it once.")
        }
        let quote = UInt8(ascii: "\"")
        let bytes = value.utf8
        let isQuoted = bytes.count >= 2 && bytes.first == quote && bytes.last == quote
        let key = isQuoted ? value.utf8.dropFirst().dropLast() : value.utf8[...]
        guard (1...255).contains(key.count), key.allSatisfy({ (0x21...0x7E).contains($0) }) else {
            throw .malformedRequest(
                "Idempotency-Key must be 1 to 255 visible ASCII characters without spaces, such as a UUID.")
        }
        return String(Substring(key))
    }

    static var missing: Problem {
        Problem(
            status: .badRequest, code: "idempotency-key-required", title: "Idempotency key required",
            detail: "Send an Idempotency-Key header: 1 to 255 visible ASCII characters, such as a UUID, new for each "
                + "operation and the same when it is repeated.")
    }
}
