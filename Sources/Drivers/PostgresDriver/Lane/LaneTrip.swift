/// Statements of the lane that go to the server together.
///
/// Where a statement looks at who wrote its rows, that is its last parameter, and it is appended when the trip is sent:
/// of a batch that was decided ahead it is not known before.
struct LaneTrip: Sendable {
    var batch: PostgresBatch
    /// The places of statements that fail where a row is not as it was assumed.
    private(set) var confirming: Set<Int> = []
    private var writers: [(place: Int, RowWriters)] = []

    init(effect: PostgresBatch.Effect = .commits()) { batch = PostgresBatch(effect: effect) }

    /// The place of the statement that is appended next.
    var nextPlace: Int { batch.items.count }

    mutating func append(_ statement: PostgresStatement, _ parameters: PostgresParameters = PostgresParameters()) {
        batch.append(statement, parameters)
    }
    mutating func appendCommit() { batch.appendCommit() }

    /// Appends a statement that fails where a row is not as it was assumed.
    mutating func confirm(
        _ statement: PostgresStatement, _ parameters: PostgresParameters, _ rows: RowWriters? = nil
    ) {
        confirming.insert(nextPlace)
        if let rows { writers.append((nextPlace, rows)) }
        batch.append(statement, parameters)
    }

    /// The statements as they are sent.
    /// - Parameter leader: the number of the batch before; anything where no row is its.
    func complete(leader: UInt32 = 0) -> PostgresBatch {
        var batch = batch
        for (place, rows) in writers {
            batch.change(parametersAt: place) { parameters in
                switch rows {
                case .one(let writer): parameters.append(transaction: writer.number(leader: leader))
                case .list(let writers):
                    var numbers = BinaryArray(of: PostgresType.xid)
                    for writer in writers { numbers.append(transaction: writer.number(leader: leader)) }
                    parameters.append(numbers)
                }
            }
        }
        return batch
    }
}
