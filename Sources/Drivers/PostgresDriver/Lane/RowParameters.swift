import Determinism
import Storage

/// One record's columns as the parameters of a statement for one row: what ``ColumnArrays`` is for many. A statement
/// over lists begins with a scan of each of them, which for one row takes longer than the row.
final class RowParameters: ColumnWriter {
    private(set) var parameters = PostgresParameters()
    /// For each column that is written, nil where it is passed over; without them none is.
    private let lists: [Int?]?
    private var place = 0

    init(lists: [Int?]? = nil) { self.lists = lists }

    func integer(_ value: Int64?) {
        guard takesNext() else { return }
        if let value { parameters.append(value) } else { parameters.appendNull() }
    }
    func text(_ value: String?) {
        guard takesNext() else { return }
        if let value { parameters.append(value) } else { parameters.appendNull() }
    }
    func uuid(_ value: UUIDv7?) {
        guard takesNext() else { return }
        if let value { parameters.append(value) } else { parameters.appendNull() }
    }
    func bytes(_ value: [UInt8]) {
        if takesNext() { parameters.append(value) }
    }

    private func takesNext() -> Bool {
        defer { place += 1 }
        return lists.map { $0[place] != nil } ?? true
    }
}

extension ColumnWriter {
    /// The next columns are a key's, in the order of its table's key.
    func key(_ key: RecordKey) {
        for part in key.table.key {
            switch part {
            case .organization: integer(key.organization)
            case .text: text(key.text)
            case .id: uuid(key.id)
            case .number: integer(key.number)
            }
        }
    }
}
