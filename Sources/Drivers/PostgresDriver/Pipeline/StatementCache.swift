/// Which statements a connection has prepared, and which of them to give up: a pure value, least recently used first.
///
/// A statement is named only once the server has confirmed its preparation, or within the batch that prepares it:
/// everything behind an error in a batch is skipped, preparations too, and a batch sent meanwhile would then name a
/// statement that is not there. Until the answer comes, other batches send the text unnamed.
///
/// A statement has the types that its values first had. `NULL` and text have none and suit every type. Where a value
/// then comes with a type and none was known, the statement is prepared again with what is known by then, so that each
/// statement settles after a few preparations, whatever values its first callers left out.
struct StatementCache: Sendable {
    /// A statement as the server knows it.
    struct Reference: Sendable, Hashable {
        fileprivate let slot: Int
        let number: Int
        /// Its name on the server.
        var name: String { "p\(number)" }
    }
    /// How a statement is to be sent.
    enum Plan: Sendable, Hashable {
        /// With its text, leaving nothing behind.
        case unnamed
        /// Prepare it first, then by its name.
        case prepare(Reference)
        /// By its name.
        case named(Reference)
    }
    private enum State: Sendable { case parsing(batch: Int), ready }
    private struct Entry: Sendable {
        let statement: PostgresStatement
        let reference: Reference
        var types: [UInt32]
        var state: State
        var (older, newer): (Int, Int)
    }
    /// Longer texts are not kept: they are made for one time, as a rule, and would take much memory on both sides.
    static let longestText = 64 << 10
    private let capacity: Int
    private var entries: [Entry?] = []
    private var free: [Int] = []
    private var slots: [PostgresStatement: Int] = [:]
    private var (oldest, newest) = (-1, -1)
    private var nextNumber = 1
    /// Prepared statements that nothing uses any more, to be deallocated.
    private(set) var retired: [Reference] = []

    /// - Parameter capacity: the most prepared statements; with 0 everything goes unnamed.
    init(capacity: Int) { self.capacity = capacity }

    /// How many statements are prepared or being prepared.
    var count: Int { slots.count }

    /// How to send this statement in the batch with this number.
    mutating func plan(
        _ statement: PostgresStatement, types: some Collection<UInt32>, batch: Int
    ) -> Plan {
        guard capacity > 0, statement.text.utf8.count <= Self.longestText else { return .unnamed }
        guard let slot = slots[statement], let entry = entries[slot] else {
            guard makeRoom() else { return .unnamed }
            return .prepare(insert(statement, Array(types), batch))
        }
        if case .parsing(let other) = entry.state {
            return other == batch && suits(entry.types, types) ? .named(entry.reference) : .unnamed
        }
        if suits(entry.types, types) {
            touch(slot)
            return .named(entry.reference)
        }
        guard retired.count < capacity else { return .unnamed }
        let merged = zip(entry.types, types).map { known, given in given == PostgresType.unknown ? known : given }
        retire(slot)
        return .prepare(insert(statement, merged.count == types.count ? merged : Array(types), batch))
    }

    /// The types with which the statement is to be prepared.
    func types(of reference: Reference) -> [UInt32] { entry(reference)?.types ?? [] }

    /// The server has prepared it.
    mutating func confirm(_ reference: Reference) {
        if entry(reference) != nil { entries[reference.slot]?.state = .ready }
    }
    /// It is not there: it was skipped, could not be prepared, or the session was reset.
    mutating func forget(_ reference: Reference) {
        if entry(reference) != nil { remove(reference.slot) }
    }
    /// It is there, but of no use.
    mutating func retire(_ reference: Reference) {
        if entry(reference) != nil { retire(reference.slot) }
    }
    /// The next to deallocate; comes back with ``keepRetired(_:)`` if that fails.
    mutating func takeRetired() -> Reference? { retired.popLast() }
    /// It could not be deallocated now.
    mutating func keepRetired(_ reference: Reference) { retired.append(reference) }

    private func entry(_ reference: Reference) -> Entry? {
        guard entries.indices.contains(reference.slot), let entry = entries[reference.slot],
            entry.reference == reference
        else { return nil }
        return entry
    }

    private func suits(_ known: [UInt32], _ given: some Collection<UInt32>) -> Bool {
        known.count == given.count
            && zip(known, given).allSatisfy { known, given in given == PostgresType.unknown || given == known }
    }

    private mutating func makeRoom() -> Bool {
        if slots.count < capacity { return true }
        guard retired.count < capacity else { return false }
        var slot = oldest
        while slot >= 0, let entry = entries[slot] {
            if case .ready = entry.state {
                retire(slot)
                return true
            }
            slot = entry.newer
        }
        return false
    }

    private mutating func retire(_ slot: Int) {
        if let entry = entries[slot] { retired.append(entry.reference) }
        remove(slot)
    }

    private mutating func insert(_ statement: PostgresStatement, _ types: [UInt32], _ batch: Int) -> Reference {
        let slot = free.popLast() ?? entries.count
        if slot == entries.count { entries.append(nil) }
        let reference = Reference(slot: slot, number: nextNumber)
        nextNumber += 1
        entries[slot] = Entry(
            statement: statement, reference: reference, types: types, state: .parsing(batch: batch), older: newest,
            newer: -1)
        if newest >= 0 { entries[newest]?.newer = slot } else { oldest = slot }
        newest = slot
        slots[statement] = slot
        return reference
    }

    private mutating func remove(_ slot: Int) {
        guard let entry = entries[slot] else { return }
        unlink(entry)
        entries[slot] = nil
        free.append(slot)
        slots[entry.statement] = nil
    }

    private mutating func unlink(_ entry: Entry) {
        if entry.older >= 0 { entries[entry.older]?.newer = entry.newer } else { oldest = entry.newer }
        if entry.newer >= 0 { entries[entry.newer]?.older = entry.older } else { newest = entry.older }
    }

    private mutating func touch(_ slot: Int) {
        guard slot != newest, let entry = entries[slot] else { return }
        unlink(entry)
        entries[slot]?.older = newest
        entries[slot]?.newer = -1
        if newest >= 0 { entries[newest]?.newer = slot } else { oldest = slot }
        newest = slot
    }
}
