import CBenchmarkSQLite

/// Statements with their parameters, in the order in which they are executed.
///
/// The file, all numbers little-endian: how many texts (`u32`), each with its length (`u32`) before it; then to the end
/// steps of the database's number (`u8`), the text's number (`u32`), the count of parameters (`u8`) and these: a kind
/// (`u8`: 0 null, 1 integer, 2 text, 3 blob) and an `i64`, or a length (`u32`) and bytes.
struct Schedule {
    enum Parameter {
        case null
        case integer(Int64)
        case text(Range<Int>)
        case blob(Range<Int>)
    }
    struct Step {
        let database: Int
        let statement: Int
        let parameters: Range<Int>
    }
    let bytes: [UInt8]
    private(set) var statements: [String] = []
    private(set) var steps: [Step] = []
    private var parameters: [Parameter] = []

    init(bytes: [UInt8]) throws {
        self.bytes = bytes
        var place = 0
        func number(_ width: Int) throws -> UInt64 {
            guard place + width <= bytes.count else { throw FloorFailure(what: "the schedule ends too early") }
            defer { place += width }
            return bytes[place..<place + width].reversed().reduce(0) { $0 << 8 | UInt64($1) }
        }
        func range() throws -> Range<Int> {
            let length = Int(try number(4))
            guard place + length <= bytes.count else { throw FloorFailure(what: "the schedule ends too early") }
            defer { place += length }
            return place..<place + length
        }
        for _ in 0..<(try number(4)) { statements.append(String(decoding: bytes[try range()], as: UTF8.self)) }
        while place < bytes.count {
            let (database, statement, count) = (Int(try number(1)), Int(try number(4)), Int(try number(1)))
            let first = parameters.count
            for _ in 0..<count {
                switch try number(1) {
                case 0: parameters.append(.null)
                case 1: parameters.append(.integer(Int64(bitPattern: try number(8))))
                case 2: parameters.append(.text(try range()))
                default: parameters.append(.blob(try range()))
                }
            }
            steps.append(Step(database: database, statement: statement, parameters: first..<parameters.count))
        }
    }

    func run(on databases: [FloorDatabase]) throws {
        try bytes.withUnsafeBytes { memory in
            for step in steps {
                try databases[step.database].execute(step.statement, parameters[step.parameters], memory)
            }
        }
    }
}

/// A connection as the server configures its own.
final class FloorDatabase {
    private let connection: OpaquePointer
    private var prepared: [OpaquePointer?] = []

    init(path: String) throws {
        var opened: OpaquePointer?
        guard sqlite3_open(path, &opened) == SQLITE_OK, let opened else {
            throw FloorFailure(what: "cannot open \(path)")
        }
        connection = opened
        let settings = "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000"
        guard sqlite3_exec(connection, settings, nil, nil, nil) == SQLITE_OK else { throw failure }
    }

    private var failure: FloorFailure { FloorFailure(what: String(cString: sqlite3_errmsg(connection))) }

    /// Those that this database has tables for; nil in the place of others.
    func prepare(_ statements: [String]) throws {
        prepared = statements.map { text in
            var statement: OpaquePointer?
            sqlite3_prepare_v3(connection, text, -1, UInt32(SQLITE_PREPARE_PERSISTENT), &statement, nil)
            return statement
        }
    }

    func execute(
        _ number: Int, _ parameters: ArraySlice<Schedule.Parameter>, _ memory: UnsafeRawBufferPointer
    ) throws {
        guard let statement = prepared[number] else {
            throw FloorFailure(what: "statement \(number) is not one of this database")
        }
        for (index, parameter) in parameters.enumerated() {
            let place = Int32(index + 1)
            func bytes(_ range: Range<Int>) -> UnsafeRawPointer? { memory.baseAddress.map { $0 + range.lowerBound } }
            // nil: SQLite need not copy what outlives the statement.
            switch parameter {
            case .null: sqlite3_bind_null(statement, place)
            case .integer(let value): sqlite3_bind_int64(statement, place, value)
            case .text(let range):
                let start = bytes(range)?.assumingMemoryBound(to: CChar.self)
                sqlite3_bind_text(statement, place, start, Int32(range.count), nil)
            case .blob(let range): sqlite3_bind_blob(statement, place, bytes(range), Int32(range.count), nil)
            }
        }
        var result = sqlite3_step(statement)
        while result == SQLITE_ROW { result = sqlite3_step(statement) }
        sqlite3_reset(statement)
        guard result == SQLITE_DONE else { throw failure }
    }
}
