import Determinism

/// The primary key of one row, of a fixed shape and with its hash computed once: a batch asks for the same keys many
/// times. A class, so that a key is made once and then only pointed at.
public final class RecordKey: Sendable, Hashable, Comparable {
    /// The row's table.
    public let table: Table
    /// The organization's number, or 0 where the table has no such part.
    public let organization: Int64
    /// The text part, or empty.
    public let text: String
    /// The id part, or zero.
    public let id: UUIDv7
    /// The integer part, or 0.
    public let number: Int64
    private let hash: Int
    let place: LockPlace

    /// The key with these parts; give exactly the parts that the table's key has.
    public init(
        _ table: Table, organization: Int64 = 0, text: String = "", id: UUIDv7 = UUIDv7(high: 0, low: 0),
        number: Int64 = 0
    ) {
        (self.table, self.organization, self.text, self.id, self.number) = (table, organization, text, id, number)
        var hasher = Hasher()
        // Tables of one rank are of different databases. Parts that a key has not are left out, for all keys alike.
        hasher.combine(organization << 8 ^ Int64(table.rank))
        if !text.isEmpty { hasher.combine(text) }
        if id.high | id.low != 0 {
            hasher.combine(id.high)
            hasher.combine(id.low)
        }
        if number != 0 { hasher.combine(number) }
        hash = hasher.finalize()
        place = LockPlace(table, organization: organization, text: text, id: id.high)
    }

    /// Whether both name the same row. Text is compared as databases do, byte by byte: the same letter composed and
    /// decomposed is two keys, though Swift's strings are equal.
    public static func == (a: RecordKey, b: RecordKey) -> Bool {
        if a === b { return true }
        return a.hash == b.hash && a.table === b.table && a.organization == b.organization && a.number == b.number
            && a.id == b.id && a.text.byteOrder(to: b.text) == 0
    }
    /// Feeds the hash that was computed when the key was made.
    public func hash(into hasher: inout Hasher) { hasher.combine(hash) }
    /// What dictionaries ask for: the hash that was computed, once more mixed, came to a twentieth of the lane's time.
    public func _rawHashValue(seed: Int) -> Int { hash ^ seed }

    /// The lock order: by table rank, which no two tables of a database share, then by key.
    public static func < (a: RecordKey, b: RecordKey) -> Bool {
        if a.place != b.place { return a.place < b.place }
        if a.table !== b.table, a.table.rank != b.table.rank { return a.table.rank < b.table.rank }
        if a.organization != b.organization { return a.organization < b.organization }
        let text = a.text.byteOrder(to: b.text)
        if text != 0 { return text < 0 }
        if a.id != b.id { return a.id < b.id }
        return a.number < b.number
    }

    /// The key's values in the order of the table's key columns.
    public var parameters: [SQLValue] {
        table.key.map {
            switch $0 {
            case .organization: .integer(organization)
            case .text: .text(text)
            case .id: .uuid(id)
            case .number: .integer(number)
            }
        }
    }
}

/// A ``RecordKey`` that knows what kind of record it names.
public struct Key<R: Record>: Sendable, Hashable {
    /// The key without its type.
    public let erased: RecordKey

    /// The key with these parts; give exactly the parts that the table's key has.
    @inlinable
    public init(
        organization: Int64 = 0, text: String = "", id: UUIDv7 = UUIDv7(high: 0, low: 0), number: Int64 = 0
    ) {
        erased = RecordKey(R.table, organization: organization, text: text, id: id, number: number)
    }
}
