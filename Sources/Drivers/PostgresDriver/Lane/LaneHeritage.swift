import Determinism
import Storage

/// What a batch leaves to the next one on its line, once it is committed: the rows that it has read or written. With
/// it the next one can be decided while this one is being written.
///
/// It may prove wrong: the leader may fail, or somebody else may change the rows. So what is decided over it is
/// confirmed, as what is remembered is (``LaneMemory``).
struct LaneHeritage: Sendable {
    /// Its number among all of the lane's.
    let id: Int
    /// As they were read, or written by the batches before.
    let rows: [LaneFindings.Row]
    let changes: [RowChange]
    /// Of all tables that the connection knows.
    let statements: [ObjectIdentifier: LaneStatements]
    /// Asks how far the log is.
    let question: PostgresStatement

    /// By their keys, as the leader leaves them.
    var byKey: [RecordKey: LaneFindings.Row] {
        var all: [RecordKey: LaneFindings.Row] = [:]
        all.reserveCapacity(rows.count + changes.count)
        for row in rows { all[row.record.key] = row }
        for change in changes { all[change.key] = change.record.map { ($0, .leader) } }
        return all
    }
}

/// A batch that was decided ahead of its turn, over what its leader leaves. It is sent when the leader has been
/// answered, and thrown away if that one failed: the batch then begins as any other does.
struct LanePreparation: Sendable {
    /// What it was decided over.
    let heritage: Int
    /// The batch, which has asked for its writes.
    let batch: BatchMachine
    let action: BatchMachine.Action
    let writes: LaneWrites
    /// What it has read, for its own followers.
    let rows: [LaneFindings.Row]

    /// - Returns: nil where the batch wants rows that the heritage has not, or has nothing to write.
    init?(_ batch: BatchMachine, over heritage: LaneHeritage, now: Timestamp) {
        var batch = batch
        guard case .load(let loads) = batch.handle(.begun, now: now) else { return nil }
        let remembered = heritage.byKey
        var assumptions = LaneAssumptions()
        guard let findings = LaneFindings(loads, rememberedBy: { remembered[$0] }, &assumptions),
            case let action = batch.handle(.loaded(findings.records), now: now),
            case .write(let changes, let appended) = action
        else { return nil }
        let tables = changes.map(\.key.table) + appended.map(\.key.table) + loads.map(\.table)
        guard tables.allSatisfy({ heritage.statements[ObjectIdentifier($0)] != nil }) else { return nil }
        var trip = LaneTrip()
        if batch.wantsPosition { LaneOpening.append(to: &trip, nil) }
        writes = LaneWrites(
            changes, appended: appended, confirming: assumptions, in: trip,
            batch.wantsPosition ? .commitAndAsk(heritage.question) : .byItself, heritage.statements)
        (self.heritage, self.batch, self.action, rows) = (heritage.id, batch, action, findings.read)
    }
}
