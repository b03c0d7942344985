import Determinism
import Storage

/// The values of `$1`, `$2`, …, encoded for the wire as they are appended: integers, ids, bytes and times in binary,
/// text as text, lists as binary arrays for `= ANY($1)` and `unnest($1)`.
///
/// Text goes without a type, so that the server takes it for what the statement needs: `text`, `jsonb`, an enumeration.
/// Where it cannot tell (`SELECT $1 IS NULL`), write a cast.
public struct PostgresParameters: Sendable {
    struct Place: Sendable {
        /// Where the value begins in `bytes`.
        let start: Int
        /// The length without what closes a text; -1 for `NULL`.
        let length: Int32
        let type: UInt32
        let isBinary: Bool
    }
    private(set) var bytes: [UInt8] = []
    private(set) var places: [Place] = []
    /// Why these values cannot be sent.
    private(set) var refusal: String?

    /// No values yet.
    public init() {}

    /// These values in order.
    public init(_ values: [SQLValue]) {
        places.reserveCapacity(values.count)
        for value in values { append(value) }
    }

    /// How many values there are.
    public var count: Int { places.count }
    /// How many bytes they take on the wire, about.
    public var byteCount: Int { bytes.count + places.count * 8 }

    /// Appends a value of the storage port.
    public mutating func append(_ value: SQLValue) {
        switch value {
        case .null: appendNull()
        case .integer(let value): append(value)
        case .text(let value): append(value)
        case .uuid(let value): append(value)
        case .bytes(let value): append(value)
        }
    }
    /// Appends `NULL`, of whatever type the statement needs.
    public mutating func appendNull() {
        places.append(Place(start: bytes.count, length: -1, type: PostgresType.unknown, isBinary: false))
    }
    /// Appends an integer, as `bigint`.
    public mutating func append(_ value: Int64) {
        fixed(PostgresType.int8) { $0.appendBigEndian(value) }
    }
    /// Appends the number of a transaction, as `xid`.
    mutating func append(transaction: UInt32) {
        fixed(PostgresType.xid) { $0.appendBigEndian(transaction) }
    }
    /// Appends a truth value, as `boolean`.
    public mutating func append(_ value: Bool) {
        fixed(PostgresType.bool) { $0.append(value ? 1 : 0) }
    }
    /// Appends an id, as `uuid`.
    public mutating func append(_ value: UUIDv7) {
        fixed(PostgresType.uuid) { $0.appendBigEndian(value) }
    }
    /// Appends a moment, as `timestamptz`. Pantry's own tables store times as integers; this is for other schemas.
    public mutating func append(_ value: Timestamp) {
        let (since2000, overflow) = value.microseconds.subtractingReportingOverflow(PostgresType.epoch)
        fixed(PostgresType.timestamptz) { $0.appendBigEndian(overflow ? .min : since2000) }
    }
    /// Appends bytes, as `bytea`.
    public mutating func append(_ value: [UInt8]) {
        fixed(PostgresType.bytea) { $0.append(contentsOf: value) }
    }
    /// Appends text. PostgreSQL has no text with the character U+0000: such a request is refused before it is sent.
    public mutating func append(_ value: String) {
        let start = bytes.count
        bytes.append(contentsOf: value.utf8)
        if bytes.hasNUL(from: start) {
            refuse("a text with the character U+0000, which PostgreSQL's text cannot hold")
        }
        places.append(
            Place(start: start, length: Int32(bytes.count - start), type: PostgresType.unknown, isBinary: false))
        bytes.append(0)  // libpq takes the length of a text from where it is closed
    }

    /// Appends a list of integers, as `bigint[]`.
    public mutating func append(_ values: some Sequence<Int64>) {
        append(list(PostgresType.int8, values) { $0.append($1) })
    }
    /// Appends a list of ids, as `uuid[]`.
    public mutating func append(_ values: some Sequence<UUIDv7>) {
        append(list(PostgresType.uuid, values) { $0.append($1) })
    }
    /// Appends a list of texts, as `text[]`.
    public mutating func append(_ values: some Sequence<String>) {
        append(list(PostgresType.text, values) { $0.append($1) })
    }
    /// Appends a list of byte strings, as `bytea[]`.
    public mutating func append(_ values: some Sequence<[UInt8]>) {
        append(list(PostgresType.bytea, values) { $0.append($1) })
    }

    private func list<Element>(
        _ type: UInt32, _ values: some Sequence<Element>, _ write: (inout BinaryArray, Element) -> Void
    ) -> BinaryArray {
        var array = BinaryArray(of: type)
        for value in values { write(&array, value) }
        return array
    }

    mutating func append(_ array: BinaryArray) {
        if array.hasNUL { refuse("a text with the character U+0000, which PostgreSQL's text cannot hold") }
        if array.isMixed { refuse("a list of values of several types") }
        fixed(array.arrayType) { array.write(to: &$0) }
    }

    private mutating func fixed(_ type: UInt32, _ write: (inout [UInt8]) -> Void) {
        let start = bytes.count
        write(&bytes)
        places.append(Place(start: start, length: Int32(bytes.count - start), type: type, isBinary: true))
    }

    private mutating func refuse(_ what: String) {
        if refusal == nil { refusal = "parameter $\(places.count + 1) is \(what)" }
    }
}

extension [UInt8] {
    @inline(__always)
    mutating func appendBigEndian(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
    mutating func appendBigEndian(_ id: UUIDv7) {
        appendBigEndian(id.high)
        appendBigEndian(id.low)
    }
    func hasNUL(from start: Int) -> Bool { self[start...].contains(0) }
}
