import Determinism
import Storage

/// Rows in memory, and a hand that drives a batch over them as a driver would.
struct MemoryRows {
    var rows: [RecordKey: [SQLValue]] = [:]
    /// Answers a selection: which keys it finds.
    var found: @Sendable (RecordSelection) -> [RecordKey] = { _ in [] }
    /// How the commit ends: nil for well.
    var commitError: StorageError?
    /// What the batch was seen to do.
    private(set) var trace: [String] = []

    init(_ accounts: [Account] = [], fences: [FenceRecord] = []) {
        for account in accounts { rows[account.key.erased] = account.values + [1] }
        for fence in fences {
            let epoch = SQLValue.integer(fence.epoch)
            rows[fence.key.erased] = [.integer(fence.organization), epoch, .text(fence.state.rawValue), 1]
        }
    }

    func account(_ name: String) throws -> Account? {
        try rows[Account.key(name).erased].map { try Account(from: SQLRowReader(SQLRow($0))) }
    }

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

    func records(_ load: Load) throws -> [AnyRecord] {
        let keys = load.key.map { [$0] } ?? load.selection.map(found) ?? []
        return try keys.compactMap { rows[$0] }.map { try load.decoder.decode(SQLRowReader(SQLRow($0))) }
    }

    /// All or nothing, with the guards that an engine has.
    private mutating func apply(_ changes: [RowChange], _ appended: [AnyRecord]) -> StorageError? {
        var next = rows
        for change in changes {
            let stored = next[change.key]
            switch change {
            case .insert(let record):
                guard stored == nil else { return .constraint("\(change.key.text) is there") }
                next[change.key] = ValueWriter.values(of: record)
            case .update(let record):
                guard let stored, stored.last == .integer(record.version - 1) else {
                    return .conflict("\(change.key.text) changed")
                }
                next[change.key] = ValueWriter.values(of: record)
            case .delete:
                guard stored != nil else { return .conflict("\(change.key.text) is gone") }
                next[change.key] = nil
            }
        }
        for record in appended {
            guard next[record.key] == nil else { return .constraint("appended twice") }
            next[record.key] = ValueWriter.values(of: record)
        }
        rows = next
        return nil
    }

    private static func name(_ load: Load) -> String {
        if let key = load.key { return key.text.isEmpty ? key.table.name : "\(key.table.name)/\(key.text)" }
        return "\(load.table.name)?"
    }
}
