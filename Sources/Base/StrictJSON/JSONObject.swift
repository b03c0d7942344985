// The members of a JSON object, in order.
//
// An array of pairs: most objects have fewer than ten members, where a scan beats a hash table, and the order is kept
// for showing a document as it came. Looking up a name is linear; whoever looks up many names in a large object makes
// a dictionary of `members` first.
//
// Names compare by their bytes, as RFC 8259 section 8.3 has it, and in linear time (see ByteEquality.swift): an "é" of
// one scalar and one of two are different names. Swift's own dictionaries take them for one, so whoever makes a
// `Dictionary` of names that a stranger chose must expect them to clash, and limits their length first.

/// The members of a JSON object: names that occur once, with values, in order. Equality and hash ignore the order.
public struct JSONObject: Sendable, Hashable, Sequence, ExpressibleByDictionaryLiteral {
    /// The members, in the order of the document or of their first setting.
    public private(set) var members: [(name: String, value: JSONValue)]

    /// An object without members.
    public init() {
        members = []
    }

    /// The members in the order of the literal. Traps if a name occurs twice.
    public init(dictionaryLiteral elements: (String, JSONValue)...) {
        self.init(unique: elements)
    }

    init(unique elements: [(String, JSONValue)]) {
        var names = NameSet()
        members = []
        members.reserveCapacity(elements.count)
        for (name, value) in elements {
            precondition(names.insert(name, members), "two members are named \(name)")
            members.append((name, value))
        }
    }

    /// Takes members whose names the reader has already found to differ.
    init(checked members: [(name: String, value: JSONValue)]) {
        self.members = members
    }

    /// The value of a member, or nil without such a member. A member that is `null` is `.null`, not nil.
    /// Setting replaces in place or appends; setting nil removes. Linear in the number of members.
    public subscript(name: String) -> JSONValue? {
        get {
            for member in members where member.name.hasSameBytes(as: name) { return member.value }
            return nil
        }
        set {
            let index = members.firstIndex { $0.name.hasSameBytes(as: name) }
            switch (index, newValue) {
            case (let index?, let value?): members[index].value = value
            case (let index?, nil): members.remove(at: index)
            case (nil, let value?): members.append((name, value))
            case (nil, nil): break
            }
        }
    }

    /// The names, in order.
    public var names: [String] { members.map(\.name) }
    /// How many members there are.
    public var count: Int { members.count }
    /// Whether there are none.
    public var isEmpty: Bool { members.isEmpty }
    /// The number of members, exact.
    public var underestimatedCount: Int { members.count }

    /// Goes through the members in order.
    public func makeIterator() -> IndexingIterator<[(name: String, value: JSONValue)]> {
        members.makeIterator()
    }

    /// Whether both have the same names with equal values, in any order.
    public static func == (left: JSONObject, right: JSONObject) -> Bool {
        guard left.count == right.count else { return false }
        // In the same order, as most equal objects are, no table is needed.
        let difference = left.members.indices.first { index in
            let (left, right) = (left.members[index], right.members[index])
            return !(left.name.hasSameBytes(as: right.name) && left.value == right.value)
        }
        guard let start = difference else { return true }
        let rest = right.members[start...]
        let table = Dictionary(uniqueKeysWithValues: rest.lazy.map { (NameKey(name: $0.name), $0.value) })
        return left.members[start...].allSatisfy { table[NameKey(name: $0.name)] == $0.value }
    }

    /// Feeds the members to a hash that does not depend on their order.
    public func hash(into hasher: inout Hasher) {
        var sum = 0
        for member in members {
            var copy = hasher
            member.name.hashBytes(into: &copy)
            copy.combine(member.value)
            sum &+= copy.finalize()
        }
        hasher.combine(members.count)
        hasher.combine(sum)
    }
}

/// Finds names that occur twice: by comparing while there are few members, by a table from then on, so that ten
/// thousand members take linear time and three take no allocation.
struct NameSet {
    private static let tableFrom = 16
    private var table: Set<NameKey>?

    /// Whether `name` differs from the names of all `members` so far. Called once for each member, before it is
    /// appended.
    @inline(__always)
    mutating func insert(_ name: String, _ members: [(name: String, value: JSONValue)]) -> Bool {
        if members.count < NameSet.tableFrom {
            for member in members where member.name.hasSameBytes(as: name) { return false }
            return true
        }
        return insertIntoTable(name, members)
    }

    private mutating func insertIntoTable(_ name: String, _ members: [(name: String, value: JSONValue)]) -> Bool {
        if table == nil { table = Set(members.lazy.map { NameKey(name: $0.name) }) }
        return table!.insert(NameKey(name: name)).inserted
    }
}
