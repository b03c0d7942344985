import Determinism
import Sagas
import Storage

/// A number under a name: what the sagas of this suite change.
struct Count: Record, Hashable {
    static let table = Table("counts", rank: 30, key: [.organization, .text("name")], mutable: ["value"])
    static let schema = """
        CREATE TABLE counts (
          organization {int} NOT NULL, name TEXT NOT NULL, value {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, name)
        ) {table}
        """
    let organization: Int64
    let name: String
    var value: Int64

    static func key(_ organization: Int64, _ name: String) -> Key<Count> { Key(organization: organization, text: name) }
    var key: Key<Count> { Self.key(organization, name) }

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

/// What the sagas of this suite know: what was done, in order, and how long they wait.
struct Diary: SagaState, Codable, Hashable {
    var done: [String] = []
    var pause = 60
}

extension LocalAction where Self == LocalStep<Diary> {
    /// Adds to a count.
    static func add(_ amount: Int64, to name: String) -> LocalStep<Diary> {
        LocalStep(needing: { _, _, context in [.row(Count.key(context.organization, name))] }) { work, diary, context in
            let key = Count.key(context.organization, name)
            var row = work[key] ?? Count(organization: context.organization, name: name, value: 0)
            row.value += amount
            work.put(row)
            diary.done.append(amount < 0 ? "-\(name)" : "+\(name)")
            return .done
        }
    }
    /// Changes a count, then refuses.
    static func refusing(_ reason: String, touching name: String) -> LocalStep<Diary> {
        LocalStep(needing: { _, _, context in [.row(Count.key(context.organization, name))] }) { work, _, context in
            work.put(Count(organization: context.organization, name: name, value: 999))
            return .refused(reason)
        }
    }
}

/// The definitions that the behaviors of stores use.
enum Definitions {
    /// Stands at a call that nobody makes, held by whoever began it.
    static let call = Saga(Diary.self, "call", version: 1).pivot("call", .external { _, _ in .done(()) }).definition
    /// The same with a step more: an instance of ``call`` does not fit it.
    static let longerCall = Saga(Diary.self, "call", version: 1)
        .pivot("call", .external { _, _ in .done(()) }).retriable("more", .local(.add(1, to: "more"))).definition
    /// Waits as long as its state says, held by nobody.
    static let pause = Saga(Diary.self, "pause", version: 1)
        .awaiting("pause", .timer { .seconds($0.pause) }).pivot("end", .local(.add(1, to: "ended"))).definition
    /// Waits for a signal, held by nobody.
    static let approval = Saga(Diary.self, "approval", version: 1)
        .compensatable("ask", .local(.add(1, to: "asked")), undo: .local(.add(-1, to: "asked")))
        .awaiting("approval", .signal("approved") { $1.done.append("by \($0)") })
        .pivot("grant", .local(.add(1, to: "granted"))).definition
    /// Ends with the commit that begins it.
    static let short = Saga(Diary.self, "short", version: 1).pivot("only", .local(.add(1, to: "only"))).definition

    static let registry = SagaRegistry([
        AnySagaDefinition(call), AnySagaDefinition(pause), AnySagaDefinition(approval), AnySagaDefinition(short),
    ])
}
