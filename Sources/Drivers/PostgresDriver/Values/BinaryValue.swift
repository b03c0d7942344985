import Determinism
import Storage

/// One value as the server sent it in binary, and what it can be read as.
struct BinaryValue {
    let bytes: UnsafeRawBufferPointer
    let type: UInt32
    let column: Int

    /// The value of the storage port that has this type's meaning.
    func sqlValue() throws(StorageError) -> SQLValue {
        switch type {
        case PostgresType.int8, PostgresType.int4, PostgresType.int2, PostgresType.oid, PostgresType.bool,
            PostgresType.timestamptz, PostgresType.timestamp, PostgresType.numeric, PostgresType.float8,
            PostgresType.float4, PostgresType.xid, PostgresType.xid8:
            .integer(try integer())
        case PostgresType.uuid: .uuid(try uuid())
        case PostgresType.bytea: .bytes(Array(bytes))
        case PostgresType.void: .null
        default: .text(try text())
        }
    }

    /// Whole numbers of any width; a truth value as 0 or 1; a moment as microseconds since 1970; a position in the log
    /// as its 64 bits. What has a fraction (`AVG`, never stored) is cut off towards zero, as the SQLite driver does.
    func integer() throws(StorageError) -> Int64 {
        switch (type, bytes.count) {
        case (PostgresType.int8, 8), (PostgresType.pgLSN, 8), (PostgresType.xid8, 8): return load(Int64.self)
        case (PostgresType.int4, 4): return Int64(load(Int32.self))
        case (PostgresType.int2, 2): return Int64(load(Int16.self))
        case (PostgresType.oid, 4), (PostgresType.xid, 4): return Int64(load(UInt32.self))
        case (PostgresType.bool, 1): return bytes[0] == 0 ? 0 : 1
        case (PostgresType.timestamptz, 8), (PostgresType.timestamp, 8):
            let (sum, overflow) = load(Int64.self).addingReportingOverflow(PostgresType.epoch)
            if overflow { throw .statement("column \(column) is an infinite moment, which no integer holds") }
            return sum
        case (PostgresType.float8, 8): return try whole(Double(bitPattern: load(UInt64.self)))
        case (PostgresType.float4, 4): return try whole(Double(Float(bitPattern: load(UInt32.self))))
        case (PostgresType.numeric, 8...):
            guard let value = BinaryNumeric.integer(bytes) else {
                throw .statement("column \(column) is a number that no 64-bit integer holds")
            }
            return value
        default: throw mismatch("an integer")
        }
    }

    func text() throws(StorageError) -> String {
        switch type {
        case PostgresType.text, PostgresType.varchar, PostgresType.bpchar, PostgresType.name, PostgresType.json,
            PostgresType.untypedText, PostgresType.unknown, PostgresType.char:
            return try utf8(bytes)
        case PostgresType.jsonb where bytes.first == 1:  // the version of its binary form
            return try utf8(UnsafeRawBufferPointer(rebasing: bytes.dropFirst()))
        case PostgresType.pgLSN where bytes.count == 8:
            let position = load(UInt64.self)
            return String(position >> 32, radix: 16, uppercase: true) + "/"
                + String(position & 0xFFFF_FFFF, radix: 16, uppercase: true)
        default:
            throw .statement(
                "column \(column) is of the type with the oid \(type), which the driver does not read; "
                    + "cast it to text or to bigint in the statement")
        }
    }

    func uuid() throws(StorageError) -> UUIDv7 {
        guard type == PostgresType.uuid || type == PostgresType.bytea, bytes.count == 16 else {
            throw mismatch("an id")
        }
        return UUIDv7(
            high: UInt64(bigEndian: bytes.loadUnaligned(as: UInt64.self)),
            low: UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: 8, as: UInt64.self)))
    }

    private func load<Number: FixedWidthInteger & BitwiseCopyable>(_: Number.Type) -> Number {
        Number(bigEndian: bytes.loadUnaligned(as: Number.self))
    }

    private func utf8(_ bytes: UnsafeRawBufferPointer) throws(StorageError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw .corrupt("column \(column) holds a text that is not UTF-8; the database's encoding must be UTF8")
        }
        return text
    }

    private func whole(_ value: Double) throws(StorageError) -> Int64 {
        guard let whole = Int64(exactly: value.rounded(.towardZero)) else {
            throw .statement("column \(column) is \(value), which no integer holds")
        }
        return whole
    }

    private func mismatch(_ expected: String) -> StorageError {
        .corrupt("column \(column) should hold \(expected), but is of the type with the oid \(type)")
    }
}
