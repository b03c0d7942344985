/// The head of a key's place in the lock order, as two integers that compare as the keys do wherever they differ: the
/// table's rank, the organization, and the first twelve bytes of the text, or the first eight of the id.
///
/// A batch sorts a thousand keys; nearly every comparison ends here, without looking at a text.
struct LockPlace: Comparable {
    let head: UInt64
    let tail: UInt64

    /// Behind every key of the table: where rows go that are searched, and so are not known before.
    static func end(of table: Table) -> LockPlace { LockPlace(head: rank(table) | ~(0xFF << 56), tail: .max) }

    private init(head: UInt64, tail: UInt64) { (self.head, self.tail) = (head, tail) }

    init(_ table: Table, organization: Int64, text: String, id: UInt64) {
        // Organizations that do not fit into 24 bits share the first or the last place; nothing behind counts there.
        guard (0..<0xFF_FFFE).contains(organization) else {
            self.init(head: Self.rank(table) | (organization < 0 ? 0 : 0xFF_FFFF << 32), tail: 0)
            return
        }
        let organization = UInt64(organization + 1) << 32
        guard table.isKeyedByText || !text.isEmpty else {
            self.init(head: Self.rank(table) | organization, tail: id)
            return
        }
        var (head, tail): (UInt64, UInt64) = (0, 0)
        var shift: UInt64 = 96
        for byte in text.utf8.prefix(12) {
            shift -= 8
            if shift >= 64 { head |= UInt64(byte) << (shift - 64) } else { tail |= UInt64(byte) << shift }
        }
        self.init(head: Self.rank(table) | organization | head, tail: tail)
    }

    private static func rank(_ table: Table) -> UInt64 { UInt64(table.rank) << 56 }

    static func < (a: LockPlace, b: LockPlace) -> Bool { a.head != b.head ? a.head < b.head : a.tail < b.tail }
}

extension Array {
    /// The elements in lock order; those without a key come behind all keys of their table, in the order they have.
    func inLockOrder(_ key: (Element) -> RecordKey?, table: (Element) -> Table) -> [Element] {
        guard count > 1 else { return self }
        var places: [(place: LockPlace, index: Int)] = []
        places.reserveCapacity(count)
        for (index, element) in enumerated() {
            places.append((key(element)?.place ?? .end(of: table(element)), index))
        }
        places.sort { a, b in
            if a.place != b.place { return a.place < b.place }
            guard let first = key(self[a.index]), let second = key(self[b.index]) else { return a.index < b.index }
            return first < second
        }
        return places.map { self[$0.index] }
    }
}
