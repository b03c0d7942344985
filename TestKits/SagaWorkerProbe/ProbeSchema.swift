import Sagas
import Storage

/// The two databases of a probe: the sagas', with the counts that their local steps change, and the participant's.
enum ProbeSchema {
    /// The organizations that sagas are begun for.
    static let organizations = 1...3 as ClosedRange<Int64>

    static let sagas = Migration(
        1, "sagas",
        [
            """
            CREATE TABLE fences (
              organization {int} NOT NULL PRIMARY KEY, epoch {int} NOT NULL, state TEXT NOT NULL, version {int} NOT NULL
            ) {table}
            """,
            """
            CREATE TABLE tallies (
              organization {int} NOT NULL, name TEXT NOT NULL, value {int} NOT NULL, version {int} NOT NULL,
              PRIMARY KEY (organization, name)
            ) {table}
            """,
        ] + SagaSchema.whole)

    static let participant = Migration(
        1, "participant",
        [
            """
            CREATE TABLE effects (
              organization {int} NOT NULL, step TEXT NOT NULL, saga {id} NOT NULL, applied {int} NOT NULL,
              undone {int} NOT NULL, repeated {int} NOT NULL, overtaken {int} NOT NULL, version {int} NOT NULL,
              PRIMARY KEY (organization, step, saga)
            ) {table}
            """,
            """
            CREATE TABLE effect_log (
              organization {int} NOT NULL, step TEXT NOT NULL, saga {id} NOT NULL, number {int} NOT NULL,
              kind TEXT NOT NULL, epoch {int} NOT NULL,
              PRIMARY KEY (organization, step, saga, number)
            ) {table}
            """,
        ] + SagaSchema.whole)
}
