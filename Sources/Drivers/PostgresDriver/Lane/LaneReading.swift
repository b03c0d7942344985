import Determinism
import Storage

/// Loads of one table that one statement serves, and where in the reply its results are.
struct LaneReading {
    private let group: Range<Int>
    private let rows: Int
    /// The result that says which rows are there, locked or not; in those that are passed over it makes the difference.
    private let present: Int?
    /// The result that says which names could be locked.
    private let names: Int?

    /// Appends the statements.
    init(
        _ group: Range<Int>, of loads: [Load], _ statements: LaneStatements, _ locking: LaneLocking,
        into batch: inout PostgresBatch, search: (String) -> PostgresStatement
    ) {
        self.group = group
        let first = loads[group.lowerBound]
        let table = statements.table
        let skips = locking == .skips
        let passesOver = skips && table.lock != .none
        if let selection = first.selection {
            let (place, parameters) = (selection.condition, PostgresParameters(selection.parameters))
            present = passesOver ? batch.items.count : nil
            if passesOver {
                batch.append(
                    search("SELECT count(*) FROM (SELECT 1 FROM \(table.name) t WHERE \(place)) found"), parameters)
            }
            (rows, names) = (batch.items.count, nil)
            batch.append(
                search(
                    "SELECT \(table.list("t")) FROM \(table.name) t WHERE \(place)"
                        + LaneStatements.lock(table.lock, of: "t", skips: skips)), parameters)
            return
        }
        let keys = ColumnArrays(statements.keyTypes)
        let wanted = loads[group].lazy.compactMap(\.key)
        for key in wanted {
            keys.beginRow()
            keys.key(key)
        }
        let locksNames = table.locksAbsentRows && locking != .leftToWrites
        names = locksNames ? batch.items.count : nil
        if locksNames { batch.append(skips ? Self.tryNames : Self.lockNames, Self.names(wanted)) }
        let parameters = keys.parameters
        // Asked for first: what is made between the two statements is then found, and not taken for locked.
        present = passesOver ? batch.items.count : nil
        if passesOver { batch.append(statements.present, parameters) }
        rows = batch.items.count
        switch locking {
        case .waits: batch.append(statements.load, parameters)
        case .skips: batch.append(statements.loadFree, parameters)
        case .leftToWrites: batch.append(statements.read, parameters)
        }
    }

    /// Locks names, not rows, until the transaction's end; in the order of the numbers, which is the same everywhere.
    static let lockNames = PostgresStatement(
        """
        SELECT number, (pg_advisory_xact_lock(number) IS NOT NULL)::int::bigint FROM unnest($1::bigint[]) AS k(number)
        """)
    private static let tryNames = PostgresStatement(
        "SELECT number, pg_try_advisory_xact_lock(number)::int::bigint FROM unnest($1::bigint[]) AS k(number)")

    /// The parameters of ``lockNames``.
    static func names(_ keys: some Sequence<RecordKey>) -> PostgresParameters {
        var parameters = PostgresParameters()
        parameters.append(Set(keys.map(\.lockNumber)).sorted())
        return parameters
    }

    /// Reads the results.
    func take(_ results: [PostgresResult], into findings: inout LaneFindings, _ loads: [Load]) throws {
        let reader = results[rows].reader()
        guard loads[group.lowerBound].key != nil else {
            return try takeSearch(results, reader, into: &findings, loads[group.lowerBound])
        }
        for row in 0..<results[rows].rowCount {
            reader.begin(row: row)
            let index = try place(reader)
            let record = try loads[index].decoder.decode(reader)
            findings.records[index] = [record]
            findings.read.append((record, .known(UInt32(truncatingIfNeeded: try reader.integer()))))
        }
        findings.bytes += results[rows].byteCount
        if let present {
            let there = results[present].reader()
            for row in 0..<results[present].rowCount {
                there.begin(row: row)
                let index = try place(there)
                if findings.records[index].isEmpty { findings.held.insert(index) }
            }
        }
        if let names { try takeNames(results[names], into: &findings, loads) }
    }

    private func place(_ reader: PostgresRowReader) throws -> Int {
        let index = group.lowerBound + Int(try reader.integer()) - 1
        guard group.contains(index) else { throw StorageError.corrupt("a row was found that was not asked for") }
        return index
    }

    private func takeSearch(
        _ results: [PostgresResult], _ reader: PostgresRowReader, into findings: inout LaneFindings, _ load: Load
    ) throws {
        var records: [AnyRecord] = []
        records.reserveCapacity(results[rows].rowCount)
        for row in 0..<results[rows].rowCount {
            reader.begin(row: row)
            records.append(try load.decoder.decode(reader))
        }
        findings.records[group.lowerBound] = records
        if let present, Int(try results[present].reader().integer()) > records.count {
            findings.held.insert(group.lowerBound)
        }
    }

    private func takeNames(_ result: PostgresResult, into findings: inout LaneFindings, _ loads: [Load]) throws {
        let reader = result.reader()
        var taken: Set<Int64> = []
        for row in 0..<result.rowCount {
            reader.begin(row: row)
            let number = try reader.integer()
            if try reader.integer() == 0 { taken.insert(number) }
        }
        if taken.isEmpty { return }
        for index in group where loads[index].key.map({ taken.contains($0.lockNumber) }) ?? false {
            findings.held.insert(index)
        }
    }
}

/// The statements of selections, by their text; as many as a program has, which is few.
struct LaneSearches {
    private var known: [String: PostgresStatement] = [:]

    mutating func statement(_ text: String) -> PostgresStatement {
        if let statement = known[text] { return statement }
        let statement = PostgresStatement(text)
        if known.count < 256 { known[text] = statement }
        return statement
    }
}

extension RecordKey {
    /// A number for the key that is the same in every process: FNV-1a, 64 bits. Two keys with one number wait for each
    /// other now and then.
    var lockNumber: Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func feed(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        func feed(_ word: UInt64) {
            for shift: UInt64 in stride(from: 0, to: 64, by: 8) { feed(UInt8(truncatingIfNeeded: word >> shift)) }
        }
        for byte in table.name.utf8 { feed(byte) }
        feed(UInt64(bitPattern: organization))
        for byte in text.utf8 { feed(byte) }
        feed(id.high)
        feed(id.low)
        feed(UInt64(bitPattern: number))
        return Int64(bitPattern: hash)
    }
}

extension Array {
    /// Ranges of neighbors that belong together.
    func groups(_ belong: (Element, Element) -> Bool) -> [Range<Int>] {
        var groups: [Range<Int>] = []
        var start = 0
        for index in indices where index > start && !belong(self[index - 1], self[index]) {
            groups.append(start..<index)
            start = index
        }
        if start < count { groups.append(start..<count) }
        return groups
    }
}
