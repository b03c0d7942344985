import Determinism

@testable import Storage

/// Rows in memory, and a hand that drives a batch over them as a driver would.
struct MemoryRows {
    private(set) var tables: MemoryTables
    /// How the commit ends: nil for well.
    var commitError: StorageError?
    /// What the batch was seen to do.
    private(set) var trace: [String] = []

    init(_ accounts: [Account] = [], fences: [FenceRecord] = [], selections: [MemorySelection] = []) {
        var configuration = MemoryLaneConfiguration()
        configuration.selections = selections
        tables = MemoryTables(configuration)
        accounts.forEach { store($0) }
        fences.forEach { store($0) }
    }

    mutating func store(_ record: some Record) {
        do { try tables.put(record) } catch { preconditionFailure("\(error)") }
    }

    func account(_ name: String) throws -> Account? { try tables.record(Account.key(name)) }

    /// Runs the batch and, after it, those that it asks for.
    mutating func run(_ batch: BatchMachine, now: Timestamp = Timestamp(microseconds: 0)) throws {
        var queue = [batch]
        while !queue.isEmpty { queue = try step(queue.removeFirst(), now: now) + queue }
    }

    /// Runs one batch to its end and returns those that are to be run after it.
    mutating func step(_ batch: BatchMachine, now: Timestamp = Timestamp(microseconds: 0)) throws -> [BatchMachine] {
        let ending = try drive(batch, now: now)
        ending.settle()
        return ending.again
    }

    /// Runs one batch to its end.
    mutating func drive(
        _ batch: BatchMachine, now: Timestamp = Timestamp(microseconds: 0)
    ) throws -> BatchMachine.Ending {
        var machine = batch
        trace.append("begin \(machine.count)")
        var action = machine.handle(.begun, now: now)
        while true {
            switch action {
            case .load(let loads):
                trace.append("load " + loads.map(Self.name).joined(separator: " "))
                action = machine.handle(.loaded(try loads.map(records)), now: now)
            case .write(let changes, let appended):
                trace.append("write \(changes.count)+\(appended.count)")
                if let error = commitError ?? apply(changes, appended) {
                    action = machine.handle(.failed(error), now: now)
                } else {
                    action = machine.handle(.committed, now: now)
                }
            case .end(let ending):
                trace.append("end")
                return ending
            }
        }
    }

    func records(_ load: Load) throws -> [AnyRecord] { try tables.records(load) }

    private mutating func apply(_ changes: [RowChange], _ appended: [AnyRecord]) -> StorageError? {
        do throws(StorageError) { try tables.apply(changes, appended: appended) } catch { return error }
        return nil
    }

    private static func name(_ load: Load) -> String {
        if let key = load.key { return key.text.isEmpty ? key.table.name : "\(key.table.name)/\(key.text)" }
        return "\(load.table.name)?"
    }
}
