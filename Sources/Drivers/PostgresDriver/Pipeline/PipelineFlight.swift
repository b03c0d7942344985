import Determinism
import Storage

/// What a ``PipelineMachine`` is asked to send. `Token` is the caller's own object for it, which the machine hands back
/// and never looks into.
struct PipelineRequest<Token: AnyObject & Sendable>: Sendable {
    let token: Token
    let effect: PostgresBatch.Effect
    /// How many statements.
    let statements: Int
    /// How many bytes they take on the wire, about.
    let bytes: Int
    /// When the caller stops waiting.
    let deadline: Instant
}

/// A request on its way, from its acceptance to its answer.
struct PipelineFlight<Token: AnyObject & Sendable>: Sendable {
    enum Phase: Sendable {
        case active
        /// Its time is up, or its caller was cancelled; what the server says is still awaited, for a while.
        case overdue(since: Instant, wasCancelled: Bool)
        /// Its caller has been answered; what still comes is dropped.
        case abandoned
    }
    let request: PipelineRequest<Token>
    var phase = Phase.active
    /// Statements whose answers are complete.
    var answered = 0
    /// The first failure.
    var failure: PostgresError?
    /// Whether the failure came at the Sync, where an implicit transaction commits.
    var failedAtSync = false
    /// Whether the server skipped it because of an error before it.
    var wasSkipped = false
    /// Whether its `COMMIT` was acknowledged.
    var isCommitted = false
    /// Whether the server has committed it without its synchronous standbys' word that they have it.
    var isUnreplicated = false
    /// Whether the server had no transaction open, as far as it was known, when it answered the batch before.
    var isSelfContained: Bool {
        if case .uncommitted = request.effect { return false }
        return true
    }
    /// Whether it may share a Sync with others.
    var isShared: Bool { request.effect == .reads && request.statements == 1 }
    var isOverdue: Bool {
        if case .active = phase { return false }
        return true
    }

    init(_ request: PipelineRequest<Token>) { self.request = request }

    /// As before it was sent.
    var unsent: Self { PipelineFlight(request) }

    /// What the caller is told after the whole batch has been answered.
    var outcome: PipelineOutcome {
        if isUnreplicated { return .failure(unreplicated) }
        if isCommitted { return .success(failureAfterCommit: failure) }
        if let failure { return .failure(explained(failure)) }
        if wasSkipped {
            return .failure(PostgresError(.server, .conflict("skipped because of an error before it; try again")))
        }
        if case .commits(let place?) = request.effect {
            let reason = "the transaction had failed before, so that its COMMIT rolled it back"
            return .failure(PostgresError(.server, .conflict(reason), statement: place))
        }
        return .success(failureAfterCommit: nil)
    }

    /// What the caller is told when nothing more will be heard.
    func outcome(lost error: PostgresError) -> PipelineOutcome {
        if isUnreplicated { return .failure(unreplicated) }
        if isCommitted { return .success(failureAfterCommit: failure ?? error) }
        if let failure { return .failure(explained(failure)) }
        if case .commits = request.effect { return .failure(error.asUnknownCommit()) }
        return .failure(error)
    }

    /// It is there as long as this server is the primary. Whether it outlives it, nobody knows.
    private var unreplicated: PostgresError {
        let code: PostgresError.Code =
            switch phase {
            case .active, .abandoned: .server
            case .overdue(_, let wasCancelled): wasCancelled ? .cancelled : .deadline
            }
        return .unreplicated(code)
    }

    private func explained(_ failure: PostgresError) -> PostgresError {
        if case .overdue(_, let wasCancelled) = phase, failure.sqlState == .queryCanceled {
            let reason = "nothing was changed; \(failure.storage.reason)"
            return PostgresError(
                wasCancelled ? .cancelled : .deadline, .unavailable(reason), sqlState: failure.sqlState,
                statement: failure.statement)
        }
        // A session that ends while it commits says so without knowing whether it has.
        guard case .commits(let place) = request.effect, failure.endsSession else { return failure }
        // A pooler that has lost its server says so at once. The server may have answered more than it has handed on.
        if failure.isFatal, failure.sqlState?.errorClass == "08" { return failure.asUnknownCommit() }
        let isAtCommit = place.map { (failure.statement ?? $0) >= $0 } ?? failedAtSync
        return isAtCommit ? failure.asUnknownCommit() : failure
    }
}

/// What a caller is told.
enum PipelineOutcome: Sendable, Hashable {
    /// Done; a statement behind the commit may have failed nevertheless.
    case success(failureAfterCommit: PostgresError?)
    case failure(PostgresError)
}

/// What a ``PipelineMachine`` allows.
struct PipelineLimits: Sendable {
    /// Statements that are sent and not answered.
    var statements = 4_096
    /// Bytes that are sent and not answered. A single larger batch goes alone.
    var bytes = 8 << 20
    /// Batches that wait to be sent.
    var waiting = 8_192
    /// Bytes of batches that wait to be sent.
    var waitingBytes = 64 << 20
    /// Reads of several callers under one Sync.
    var readsInGroup = 128
    /// Groups of reads on their way at the same time.
    var readGroups = 2
    /// How long a cancelled statement may go on before the connection is closed.
    var drain: Duration = .seconds(2)
    /// Prepared statements.
    var preparedStatements = 256
}
