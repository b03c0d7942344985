import Determinism
import Sagas
import Storage

/// A number under a name: what the local steps change.
struct Tally: Record {
    static let table = Table("tallies", rank: 30, key: [.organization, .text("name")], mutable: ["value"])

    let organization: Int64
    let name: String
    var value: Int64

    static func key(_ organization: Int64, _ name: String) -> Key<Tally> { Key(organization: organization, text: name) }
    var key: Key<Tally> { Self.key(organization, name) }

    init(organization: Int64, name: String, value: Int64) {
        (self.organization, self.name, self.value) = (organization, name, value)
    }
    init(from row: any ColumnReader) throws {
        (organization, name, value) = (try row.integer(), try row.text(), try row.integer())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(name)
        row.integer(value)
    }
}

/// How often the participant has carried a saga's call out, and taken it back.
struct Effect: Record {
    static let table = Table(
        "effects", rank: 40, key: [.organization, .text("step"), .id("saga")],
        mutable: ["applied", "undone", "repeated", "overtaken"], locksAbsentRows: true)

    let organization: Int64
    let step: String
    let saga: SagaID
    var applied: Int64 = 0
    var undone: Int64 = 0
    var repeated: Int64 = 0
    var overtaken: Int64 = 0

    static func key(_ context: StepContext) -> Key<Effect> {
        Key(organization: context.organization, text: context.step, id: context.saga.uuid)
    }
    var key: Key<Effect> { Key(organization: organization, text: step, id: saga.uuid) }

    init(_ context: StepContext) { (organization, step, saga) = (context.organization, context.step, context.saga) }
    init(from row: any ColumnReader) throws {
        (organization, step, saga) = (try row.integer(), try row.text(), SagaID(try row.uuid()))
        (applied, undone) = (try row.integer(), try row.integer())
        (repeated, overtaken) = (try row.integer(), try row.integer())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(step)
        row.uuid(saga.uuid)
        for number in [applied, undone, repeated, overtaken] { row.integer(number) }
    }
}

/// One line for each effect, in the order in which they came.
struct EffectEntry: Record {
    static let table = Table(
        "effect_log", rank: 95, key: [.organization, .text("step"), .id("saga"), .number("number")],
        fixed: ["kind", "epoch"])

    let organization: Int64
    let step: String
    let saga: SagaID
    let number: Int64
    let kind: String
    let epoch: Int64

    var key: Key<EffectEntry> { Key(organization: organization, text: step, id: saga.uuid, number: number) }

    init(_ effect: Effect, _ kind: String, epoch: Int64) {
        (organization, step, saga) = (effect.organization, effect.step, effect.saga)
        (number, self.kind, self.epoch) = (effect.applied + effect.undone, kind, epoch)
    }
    init(from row: any ColumnReader) throws {
        (organization, step, saga) = (try row.integer(), try row.text(), SagaID(try row.uuid()))
        (number, kind, epoch) = (try row.integer(), try row.text(), try row.integer())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(step)
        row.uuid(saga.uuid)
        row.integer(number)
        row.text(kind)
        row.integer(epoch)
    }
}
