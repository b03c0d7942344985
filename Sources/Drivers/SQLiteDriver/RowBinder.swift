import Determinism
import GRDB
import GRDBSQLite
import Storage

/// Binds a record's columns to a statement, in order or (for an update) to the places that the table's text has for
/// them.
///
/// Texts and ids are copied into one buffer that lasts until the next statement, so that SQLite need not allocate a
/// copy of its own for each of them.
final class RowBinder: ColumnWriter {
    private var statement: SQLiteStatement?
    private var places: [Int32]?
    private var column = 0
    private var chunks: [UnsafeMutableRawBufferPointer]
    private var used = 0
    /// The length of the record's texts, those included that the statement does not mention.
    private(set) var byteCount = 0
    private static let ordinarySize = 16 << 10

    init() { chunks = [.allocate(byteCount: Self.ordinarySize, alignment: 16)] }
    deinit { for chunk in chunks { chunk.deallocate() } }

    /// Begins with the first column.
    /// - Parameter places: for each column its parameter, or 0; nil where columns and parameters are the same.
    func begin(_ statement: SQLiteStatement, places: [Int32]? = nil) {
        (self.statement, self.places, column, used, byteCount) = (statement, places, 0, 0, 0)
        // What a very large row has taken is given back.
        while chunks.count > 1 { chunks.removeLast().deallocate() }
    }

    /// The next column's parameter, or nil when the statement does not mention the column.
    private func next() -> Int32? {
        defer { column += 1 }
        guard let places else { return Int32(column + 1) }
        return places[column] == 0 ? nil : places[column]
    }
    func integer(_ value: Int64?) {
        guard let place = next() else { return }
        if let value { sqlite3_bind_int64(statement, place, value) } else { sqlite3_bind_null(statement, place) }
    }
    func text(_ value: String?) {
        byteCount += value?.utf8.count ?? 0
        guard let place = next() else { return }
        guard var value else {
            sqlite3_bind_null(statement, place)
            return
        }
        value.withUTF8 { bytes in
            let copy = copied(UnsafeRawBufferPointer(bytes))
            let text = copy.assumingMemoryBound(to: CChar.self)
            _ = sqlite3_bind_text(statement, place, text, Int32(bytes.count), nil)
        }
    }
    func uuid(_ value: UUIDv7?) {
        guard let place = next() else { return }
        guard let value else {
            sqlite3_bind_null(statement, place)
            return
        }
        var words = (value.high.bigEndian, value.low.bigEndian)
        withUnsafeBytes(of: &words) { bytes in
            _ = sqlite3_bind_blob(statement, place, copied(bytes), 16, nil)
        }
    }
    func bytes(_ value: [UInt8]) {
        byteCount += value.count
        guard let place = next() else { return }
        value.withUnsafeBytes { bytes in
            _ = sqlite3_bind_blob(statement, place, copied(bytes), Int32(bytes.count), nil)
        }
    }

    /// Where the copy is: never nil, which SQLite would take for NULL.
    private func copied(_ bytes: UnsafeRawBufferPointer) -> UnsafeMutableRawPointer {
        if used + bytes.count > chunks[chunks.count - 1].count {
            chunks.append(.allocate(byteCount: max(Self.ordinarySize, bytes.count), alignment: 16))
            used = 0
        }
        guard let base = chunks[chunks.count - 1].baseAddress else { preconditionFailure("a chunk is never empty") }
        let place = base + used
        if let source = bytes.baseAddress { place.copyMemory(from: source, byteCount: bytes.count) }
        used += bytes.count
        return place
    }
}
