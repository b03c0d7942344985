import Determinism
import Sagas
import Storage

/// What a workflow of the benchmark keeps: what its steps return, an object of three members each.
struct Journey: SagaState, Codable {
    struct Stop: Codable {
        var name: String
        var number: Int
        var isDone: Bool
    }
    var stops: [Stop] = []
}

/// A row that a step writes, where steps write.
struct VisitRecord: Record {
    static let table = Table(
        "visits", rank: 93, key: [.organization, .id("saga"), .number("step")], fixed: ["note"])
    static let schema = """
        CREATE TABLE visits (
          organization {int} NOT NULL, saga {id} NOT NULL, step {int} NOT NULL, note TEXT NOT NULL,
          PRIMARY KEY (organization, saga, step)
        ) {table}
        """
    let organization: Int64
    let saga: UUIDv7
    let step: Int64
    let note: String

    var key: Key<VisitRecord> { Key(organization: organization, id: saga, number: step) }
    init(organization: Int64, saga: UUIDv7, step: Int64, note: String) {
        (self.organization, self.saga, self.step, self.note) = (organization, saga, step, note)
    }
    init(from row: any ColumnReader) throws {
        (organization, saga, step, note) = (try row.integer(), try row.uuid(), try row.integer(), try row.text())
    }
    func write(to row: any ColumnWriter) {
        row.integer(organization)
        row.uuid(saga)
        row.integer(step)
        row.text(note)
    }
}
