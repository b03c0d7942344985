import Synchronization

/// A batch whose caller waits. All but the constant is guarded by its connection's lock.
final class PendingBatch: @unchecked Sendable {
    let batch: PostgresBatch
    let byteCount: Int
    var results: [PostgresResult] = []
    var continuation: CheckedContinuation<Result<PostgresReply, PostgresError>, Never>?
    /// The caller was cancelled before the batch was submitted.
    var isCancelled = false

    init(_ batch: PostgresBatch) { (self.batch, byteCount) = (batch, batch.byteCount) }

    /// The answer in the caller's terms.
    func answer(_ outcome: PipelineOutcome) -> Result<PostgresReply, PostgresError> {
        switch outcome {
        case .failure(let error): .failure(error)
        case .success(let failure):
            // Everything was answered, or all up to and with the commit.
            .success(PostgresReply(results: results, failureAfterCommit: failure))
        }
    }
}

/// What is left to do once the connection's lock is free.
struct ConnectionEffects {
    typealias Answer = Result<PostgresReply, PostgresError>
    var answers: [(CheckedContinuation<Answer, Never>, Answer)] = []
    var notifications: [PostgresNotification] = []
    var copyAnswer: (CheckedContinuation<CopyEvent, Never>, CopyEvent)?
    var cancels = false
    var closed: PostgresError?
}

/// What a `NOTIFY` said.
public struct PostgresNotification: Sendable, Hashable {
    /// The channel.
    public let channel: String
    /// The text, or an empty one.
    public let payload: String
    /// The process that notified; the listener's own server process for its own notifications.
    public let processIdentifier: Int32
}
