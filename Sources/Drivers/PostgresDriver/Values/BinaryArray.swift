import Determinism

/// A one-dimensional array in PostgreSQL's binary form, as it grows: `array_recv` in its `arrayfuncs.c`.
///
/// It is of the type that its first element has that is not `NULL`; one of nothing but `NULL` goes as `text[]`.
struct BinaryArray: Sendable {
    private(set) var elementType: UInt32?
    private(set) var count = 0
    private(set) var hasNull = false
    private(set) var hasNUL = false
    /// Whether it was given elements of two types; such an array cannot be sent.
    private(set) var isMixed = false
    /// Each element with its length before it.
    private(set) var elements: [UInt8] = []

    init(of elementType: UInt32? = nil) { self.elementType = elementType }

    var arrayType: UInt32 {
        switch elementType {
        case PostgresType.int8: PostgresType.int8Array
        case PostgresType.uuid: PostgresType.uuidArray
        case PostgresType.bytea: PostgresType.byteaArray
        case PostgresType.xid: PostgresType.xidArray
        default: PostgresType.textArray
        }
    }

    mutating func appendNull() {
        count += 1
        hasNull = true
        elements.appendBigEndian(Int32(-1))
    }
    mutating func append(_ value: Int64) {
        begin(PostgresType.int8, length: 8)
        elements.appendBigEndian(value)
    }
    mutating func append(transaction: UInt32) {
        begin(PostgresType.xid, length: 4)
        elements.appendBigEndian(transaction)
    }
    mutating func append(_ value: UUIDv7) {
        begin(PostgresType.uuid, length: 16)
        elements.appendBigEndian(value)
    }
    mutating func append(_ value: [UInt8]) {
        begin(PostgresType.bytea, length: value.count)
        elements.append(contentsOf: value)
    }
    mutating func append(_ value: String) {
        begin(PostgresType.text, length: value.utf8.count)
        let start = elements.count
        elements.append(contentsOf: value.utf8)
        if elements.hasNUL(from: start) { hasNUL = true }
    }

    private mutating func begin(_ type: UInt32, length: Int) {
        if elementType == nil { elementType = type } else if elementType != type { isMixed = true }
        count += 1
        elements.appendBigEndian(Int32(truncatingIfNeeded: length))
    }

    func write(to bytes: inout [UInt8]) {
        bytes.appendBigEndian(Int32(count == 0 ? 0 : 1))  // dimensions
        bytes.appendBigEndian(Int32(hasNull ? 1 : 0))
        bytes.appendBigEndian(elementType ?? PostgresType.text)
        if count == 0 { return }
        bytes.appendBigEndian(Int32(truncatingIfNeeded: count))
        bytes.appendBigEndian(Int32(1))  // the first index
        bytes.append(contentsOf: elements)
    }
}
