import Determinism
import Sagas
import Storage

/// A number under a name: what the sagas of these tests change.
struct TallyRecord: Record, Hashable {
    static let table = Table("tallies", rank: 30, key: [.organization, .text("name")], mutable: ["value"])
    static let schema = """
        CREATE TABLE tallies (
          organization {int} NOT NULL, name TEXT NOT NULL, value {int} NOT NULL, version {int} NOT NULL,
          PRIMARY KEY (organization, name)
        ) {table}
        """
    let organization: Int64
    let name: String
    var value: Int64

    static func key(_ organization: Int64, _ name: String) -> Key<TallyRecord> {
        Key(organization: organization, text: name)
    }
    var key: Key<TallyRecord> { Self.key(organization, name) }

    init(organization: Int64, name: String, value: Int64) {
        (self.organization, self.name, self.value) = (organization, name, value)
    }
    init(from row: any ColumnReader) throws {
        organization = try row.integer()
        name = try row.text()
        value = try row.integer()
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.text(name)
        row.integer(value)
    }
}

/// A state that remembers what was done, in order.
struct Trip: SagaState, Codable, Hashable {
    var done: [String] = []
    var budget = 0
}

extension LocalAction where Self == LocalStep<Trip> {
    /// Adds to a tally.
    static func add(_ amount: Int64, to name: String, noting note: String? = nil) -> LocalStep<Trip> {
        LocalStep(needing: { _, _, context in [.row(TallyRecord.key(context.organization, name))] }) {
            work, trip, context in
            let key = TallyRecord.key(context.organization, name)
            var row = work[key] ?? TallyRecord(organization: context.organization, name: name, value: 0)
            row.value += amount
            work.put(row)
            trip.done.append(note ?? "\(context.isCompensation ? "-" : "+")\(name)")
            return .done
        }
    }
    /// Changes a tally, then refuses.
    static func refusing(_ reason: String, touching name: String) -> LocalStep<Trip> {
        LocalStep(needing: { _, _, context in [.row(TallyRecord.key(context.organization, name))] }) {
            work, trip, context in
            work.put(TallyRecord(organization: context.organization, name: name, value: 999))
            trip.done.append("why")
            return .refused(reason)
        }
    }
}
