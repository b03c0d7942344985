import Storage

/// A counter of the control database, such as the next organization's number.
package struct CounterRecord: Record, Hashable {
    package static let table = Table("counters", rank: 10, key: [.text("name")], mutable: ["value"])

    package let name: String
    package var value: Int64

    package init(name: String, value: Int64) { (self.name, self.value) = (name, value) }
    package static func key(_ name: String) -> Key<CounterRecord> { Key(text: name) }
    package var key: Key<CounterRecord> { Self.key(name) }

    package init(from row: any ColumnReader) throws {
        name = try row.text()
        value = try row.integer()
    }
    package func write(to row: any ColumnWriter) {
        row.text(name)
        row.integer(value)
    }
}
