// Writes one JSON document, compact, straight into bytes.
//
// Containers are closures: a bracket cannot be left open. The writer sets commas and colons itself, and knows where it
// stands: a member outside an object, a value inside one, or a second value after the document is a programmer's error
// and traps. Not checked when optimised: names that occur twice, and the text given as `raw`. A debug build reads
// both again with the strict reader and asserts that they are valid, so tests find them.

/// Writes one JSON document: `writer.object { $0.member("id", 7) }`, then `writer.bytes`.
public struct JSONWriter: Sendable {
    private enum Scope {
        /// Nothing written yet: one value is due.
        case document
        case object
        case array
        /// The document's value is written, or about to be.
        case complete
    }

    private var buffer: JSONBuffer
    private var scope = Scope.document
    private var isFirst = true

    /// A writer with room for `capacity` bytes; it grows when more are needed.
    public init(capacity: Int = 256) {
        buffer = JSONBuffer(capacity: capacity)
    }

    /// How many bytes are written so far.
    public var count: Int { buffer.bytes.count }

    /// The document. Traps while it is not complete.
    public var bytes: [UInt8] {
        requireComplete()
        return buffer.bytes
    }

    /// The document as text. Traps while it is not complete.
    public func string() -> String {
        requireComplete()
        return String(decoding: buffer.bytes, as: UTF8.self)
    }

    /// Starts over, for the next document, and keeps the memory.
    public mutating func removeAll() {
        buffer.removeAll()
        scope = .document
        isFirst = true
    }

    // MARK: Values: the document itself, or elements of an array

    /// Writes an object; `body` writes its members.
    public mutating func object(_ body: (inout JSONWriter) -> Void) {
        beginValue()
        container(.object, Byte.openBrace, Byte.closeBrace, body)
    }

    /// Writes an array; `body` writes its elements with `value`, `object` and `array`.
    public mutating func array(_ body: (inout JSONWriter) -> Void) {
        beginValue()
        container(.array, Byte.openBracket, Byte.closeBracket, body)
    }

    /// Writes a string.
    public mutating func value(_ value: String) {
        beginValue()
        buffer.append(quoted: value)
    }

    /// Writes a string, or `null` for nil.
    public mutating func value(_ value: String?) {
        beginValue()
        append(value)
    }

    /// Writes an integer.
    public mutating func value(_ value: Int64) {
        beginValue()
        buffer.append(value)
    }

    /// Writes an integer.
    public mutating func value(_ value: Int) {
        beginValue()
        buffer.append(Int64(value))
    }

    /// Writes an integer of at most 64 bits, or `null` for nil.
    public mutating func value<Number: FixedWidthInteger & SignedInteger>(_ value: Number?) {
        beginValue()
        append(value.map { Int64($0) })
    }

    /// Writes `true` or `false`.
    public mutating func value(_ value: Bool) {
        beginValue()
        buffer.append(value)
    }

    /// Writes a whole value.
    public mutating func value(_ value: JSONValue) {
        beginValue()
        buffer.append(value, sorted: false)
    }

    /// Embeds JSON that is already rendered, as it is. The caller answers for it being exactly one valid value.
    public mutating func value(raw json: String) {
        beginValue()
        append(raw: json)
    }

    // MARK: Members of an object

    /// Writes a member that is an object; `body` writes its members.
    public mutating func member(_ name: String, object body: (inout JSONWriter) -> Void) {
        beginMember(name)
        container(.object, Byte.openBrace, Byte.closeBrace, body)
    }

    /// Writes a member that is an array; `body` writes its elements.
    public mutating func member(_ name: String, array body: (inout JSONWriter) -> Void) {
        beginMember(name)
        container(.array, Byte.openBracket, Byte.closeBracket, body)
    }

    /// Writes a member that is a string.
    public mutating func member(_ name: String, _ value: String) {
        beginMember(name)
        buffer.append(quoted: value)
    }

    /// Writes a member that is a string, given as its UTF-8 bytes. The caller answers for them being valid.
    public mutating func member(_ name: String, utf8 value: ArraySlice<UInt8>) {
        beginMember(name)
        value.withUnsafeBufferPointer { buffer.append(quotedUTF8: $0) }
    }

    /// Writes a member that is a string, or `null` for nil.
    public mutating func member(_ name: String, _ value: String?) {
        beginMember(name)
        append(value)
    }

    /// Writes a member that is an integer.
    public mutating func member(_ name: String, _ value: Int64) {
        beginMember(name)
        buffer.append(value)
    }

    /// Writes a member that is an integer.
    public mutating func member(_ name: String, _ value: Int) {
        beginMember(name)
        buffer.append(Int64(value))
    }

    /// Writes a member that is an integer of at most 64 bits, or `null` for nil.
    public mutating func member<Number: FixedWidthInteger & SignedInteger>(_ name: String, _ value: Number?) {
        beginMember(name)
        append(value.map { Int64($0) })
    }

    /// Writes a member that is `true` or `false`.
    public mutating func member(_ name: String, _ value: Bool) {
        beginMember(name)
        buffer.append(value)
    }

    /// Writes a member with a whole value.
    public mutating func member(_ name: String, _ value: JSONValue) {
        beginMember(name)
        buffer.append(value, sorted: false)
    }

    /// Writes a member whose value is JSON already rendered, as it is. The caller answers for it being exactly one
    /// valid value.
    public mutating func member(_ name: String, raw json: String) {
        beginMember(name)
        append(raw: json)
    }

    // MARK: The parts

    @inline(__always)
    private mutating func beginValue() {
        switch scope {
        case .array: separate()
        case .document: scope = .complete
        case .object: preconditionFailure("a value inside an object needs a name: use member")
        case .complete: preconditionFailure("the document already has its value")
        }
    }

    @inline(__always)
    private mutating func beginMember(_ name: String) {
        precondition(scope == .object, "a member needs an object around it")
        separate()
        buffer.append(quoted: name)
        buffer.append(Byte.colon)
    }

    @inline(__always)
    private mutating func separate() {
        if isFirst { isFirst = false } else { buffer.append(Byte.comma) }
    }

    private mutating func container(_ kind: Scope, _ open: UInt8, _ close: UInt8, _ body: (inout JSONWriter) -> Void) {
        let outer = scope
        scope = kind
        isFirst = true
        buffer.append(open)
        body(&self)
        buffer.append(close)
        scope = outer
        isFirst = false
    }

    private mutating func append(_ value: String?) {
        if let value { buffer.append(quoted: value) } else { buffer.append(text: "null") }
    }

    private mutating func append(_ value: Int64?) {
        if let value { buffer.append(value) } else { buffer.append(text: "null") }
    }

    private mutating func append(raw json: String) {
        assert(JSONWriter.isDocument(Array(json.utf8)), "not one JSON value: \(json)")
        buffer.append(text: json)
    }

    private func requireComplete() {
        precondition(scope == .complete, "the document is not complete")
        assert(JSONWriter.isDocument(buffer.bytes), "not a valid document: a name occurs twice")
    }

    /// Whether the strict reader accepts the bytes, apart from their size and depth.
    private static func isDocument(_ bytes: [UInt8]) -> Bool {
        var limits = JSONLimits()
        limits.depth = JSONLimits.greatestDepth
        limits.members = .max
        limits.values = .max
        do {
            _ = try JSONReader.parse(bytes, limits: limits)
            return true
        } catch {
            return error.code == .tooDeep
        }
    }
}
