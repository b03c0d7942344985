/// An answer of the server, or a part of one (RESP2).
public enum RedisValue: Sendable, Hashable {
    /// Bytes, such as a value of `GET`.
    case bulk([UInt8])
    /// A number, such as that of `INCR`.
    case integer(Int64)
    /// A short text about the outcome, such as `OK`.
    case status(String)
    /// Several values.
    case array([RedisValue])
    /// Nothing, such as the value of a key that is not there.
    case null
    /// An error; within an array, that of one command of a transaction.
    case error(RedisServerError)
}

extension RedisValue {
    /// Whether it is nothing.
    public var isNull: Bool { self == .null }

    /// Whether it is the status `OK`.
    public var isOK: Bool {
        if case .status("OK") = self { return true }
        return false
    }

    /// The bytes; nil for null. A status is its text.
    /// - Throws: ``RedisError`` for anything else.
    public func optionalBytes() throws(RedisError) -> [UInt8]? {
        switch self {
        case .bulk(let bytes): return bytes
        case .status(let text): return Array(text.utf8)
        case .null: return nil
        default: throw unexpected("bytes")
        }
    }

    /// The bytes.
    /// - Throws: ``RedisError`` for anything else, null included.
    public func bytes() throws(RedisError) -> [UInt8] {
        guard let bytes = try optionalBytes() else { throw unexpected("bytes") }
        return bytes
    }

    /// The bytes as UTF-8; nil for null.
    /// - Throws: ``RedisError`` for anything else, and for bytes that are not UTF-8.
    public func optionalText() throws(RedisError) -> String? {
        if case .status(let text) = self { return text }
        guard let bytes = try optionalBytes() else { return nil }
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw RedisError(.unexpectedReply, .answered, "the answer is not UTF-8; read it as bytes")
        }
        return text
    }

    /// The bytes as UTF-8.
    /// - Throws: ``RedisError`` for anything else, null included.
    public func text() throws(RedisError) -> String {
        guard let text = try optionalText() else { throw unexpected("text") }
        return text
    }

    /// The number; also one that is written in digits, as counters are stored.
    /// - Throws: ``RedisError`` for anything else.
    public func integer() throws(RedisError) -> Int64 {
        switch self {
        case .integer(let number): return number
        case .bulk(let bytes):
            guard let number = Int64(String(decoding: bytes, as: UTF8.self)) else { throw unexpected("a whole number") }
            return number
        default: throw unexpected("a whole number")
        }
    }

    /// The number with a fraction, such as a score.
    /// - Throws: ``RedisError`` for anything else.
    public func double() throws(RedisError) -> Double {
        if case .integer(let number) = self { return Double(number) }
        guard case .bulk(let bytes) = self, let number = Double(String(decoding: bytes, as: UTF8.self)) else {
            throw unexpected("a number")
        }
        return number
    }

    /// The truth value that 0 or 1 stands for.
    /// - Throws: ``RedisError`` for anything else.
    public func boolean() throws(RedisError) -> Bool {
        switch self {
        case .integer(0): return false
        case .integer(1): return true
        default: throw unexpected("0 or 1")
        }
    }

    /// The values of an array.
    /// - Throws: ``RedisError`` for anything else, null included.
    public func array() throws(RedisError) -> [RedisValue] {
        guard case .array(let values) = self else { throw unexpected("an array") }
        return values
    }

    /// An array of names and values in turns, such as that of `HGETALL`.
    /// - Throws: ``RedisError`` for anything else. Of a name that is there twice, the last counts.
    public func dictionary() throws(RedisError) -> [String: RedisValue] {
        let values = try array()
        guard values.count.isMultiple(of: 2) else { throw unexpected("names and values in turns") }
        var result: [String: RedisValue] = [:]
        result.reserveCapacity(values.count / 2)
        for index in stride(from: 0, to: values.count, by: 2) {
            result[try values[index].text()] = values[index + 1]
        }
        return result
    }

    /// The value itself.
    /// - Throws: ``RedisError`` if it is an error.
    public func checked() throws(RedisError) -> RedisValue {
        if case .error(let error) = self { throw .answered(error) }
        return self
    }

    /// The kind of value, without what it holds.
    var kind: String {
        switch self {
        case .bulk(let bytes): "\(bytes.count) bytes"
        case .integer: "a whole number"
        case .status: "a status"
        case .array(let values): "an array of \(values.count)"
        case .null: "null"
        case .error(let error): "the error \(error.code.rawValue)"
        }
    }

    private func unexpected(_ wanted: String) -> RedisError {
        if case .error(let error) = self { return .answered(error) }
        return RedisError(.unexpectedReply, .answered, "the answer is \(kind), not \(wanted)")
    }
}
