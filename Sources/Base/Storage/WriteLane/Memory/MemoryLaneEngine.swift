import Determinism
import Dispatch
import Synchronization

/// A write lane's engine that keeps all rows in memory: for tests, and for programs that need no durability.
///
/// It does what an engine over a database does (absent rows, guarded versions, keys that are taken, all or nothing),
/// except that everything is gone when the process ends. Batches run one after the other on a queue of its own, as on
/// SQLite's one writer. What a database has beyond rows by key, ``MemoryLaneConfiguration`` says in Swift: selections
/// and checks; unique columns other than the key it does not have.
///
/// Its memory is bounded by ``MemoryLaneConfiguration/rowLimit``. What goes wrong with commits elsewhere,
/// ``FaultyLaneEngine`` does to it.
public final class MemoryLaneEngine: LaneEngine {
    private let time: any TimeSource
    private let state: Mutex<MemoryTables>
    /// The one writer.
    private let queue = DispatchQueue(label: "storage.memory-lane")

    /// An engine without rows.
    /// - Parameter time: what each batch takes as the time of its commands.
    public init(time: any TimeSource, configuration: MemoryLaneConfiguration = MemoryLaneConfiguration()) {
        self.time = time
        state = Mutex(MemoryTables(configuration))
    }

    /// All rows as the latest commit left them, in one consistent snapshot. While it is kept, the next commit copies
    /// each table that it changes.
    public var tables: MemoryTables { state.withLock { $0 } }

    /// The table's rows as the latest commit left them, by their keys; see ``tables``.
    public func records<R: Record>(of type: R.Type = R.self) throws(StorageError) -> [R] {
        try tables.records(of: type)
    }

    /// The row as the latest commit left it, or nil when there is none; see ``tables``.
    public func record<R: Record>(_ key: Key<R>) throws(StorageError) -> R? { try tables.record(key) }

    /// Changes rows beside the lane, between two batches and in one step: for what is there before the first command,
    /// and for tests in which somebody else has written. When `body` throws, nothing has changed.
    ///
    /// Copies the tables that it changes: many rows are best put in one call.
    public func change<Value: Sendable>(
        _ body: @escaping @Sendable (inout MemoryTables) throws -> Value
    ) async throws -> Value {
        try await withCheckedThrowingContinuation { continuation in
            queue.async { [self] in
                continuation.resume(
                    with: Result {
                        var tables = tables
                        let value = try body(&tables)
                        // Nobody else has written meanwhile: whoever writes is on this queue.
                        state.withLock { $0 = tables }
                        return value
                    })
            }
        }
    }

    /// Runs the batch to its end; see ``LaneEngine``.
    public func run(_ batch: BatchMachine, whenEnded: @escaping @Sendable (BatchMachine.Ending) -> Void) {
        queue.async { [self] in whenEnded(drive(batch)) }
    }

    private func drive(_ batch: BatchMachine) -> BatchMachine.Ending {
        var batch = batch
        let now = time.now()
        var action = batch.handle(.begun, now: now)
        while true {
            let event: BatchMachine.Event
            do throws(StorageError) {
                switch action {
                case .load(let loads): event = .loaded(try records(loads))
                case .write(let changes, let appended):
                    try write(changes, appended)
                    event = .committed
                case .end(let ending): return ending
                }
            } catch { event = .failed(error) }
            action = batch.handle(event, now: now)
        }
    }

    private func records(_ loads: [Load]) throws(StorageError) -> [[AnyRecord]] {
        let tables = tables
        var found: [[AnyRecord]] = []
        found.reserveCapacity(loads.count)
        for load in loads { found.append(try tables.records(load)) }
        return found
    }

    private func write(_ changes: [RowChange], _ appended: [AnyRecord]) throws(StorageError) {
        try state.withLock { tables throws(StorageError) in try tables.apply(changes, appended: appended) }
    }
}
