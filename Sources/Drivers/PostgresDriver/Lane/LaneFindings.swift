import Storage

/// What a batch's loads have found.
struct LaneFindings {
    /// A row that was asked for by its key.
    typealias Row = (record: AnyRecord, writer: RowWriter)

    /// The records of each load.
    var records: [[AnyRecord]]
    /// The rows that were asked for by their keys, as far as they are there.
    var read: [Row] = []
    /// What they take, about.
    var bytes = 0
    /// The loads whose rows somebody else has locked.
    var held: Set<Int> = []

    init(count: Int) { records = Array(repeating: [], count: count) }

    /// The rows as they are remembered, if all of them are. A name that clients make is new until somebody says that
    /// it is not.
    /// - Parameter assumptions: what has to be confirmed then; of no use where the result is nil.
    init?(_ loads: [Load], rememberedBy row: (RecordKey) -> Row?, _ assumptions: inout LaneAssumptions) {
        self.init(count: loads.count)
        for (index, load) in loads.enumerated() {
            guard let key = load.key else { return nil }
            if let row = row(key) {
                records[index] = [row.record]
                read.append(row)
                assumptions.assume(key, writer: row.writer)
            } else if load.table.locksAbsentRows {
                assumptions.assumeAbsent(key)
            } else {
                return nil
            }
        }
    }
}
