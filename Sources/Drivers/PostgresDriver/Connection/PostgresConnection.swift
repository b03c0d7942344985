import CLibPQ
import Determinism
import SocketReactor
import Storage
import Synchronization

/// One session with a PostgreSQL server, in libpq's pipeline mode: any number of tasks send batches, which are answered
/// in order, each to its own caller.
///
/// Shared, it serves batches that are complete in themselves: reads, and statements that commit at the batch's end.
/// A transaction over several batches needs the connection for itself until ``isClean`` says that it is over.
///
/// Nothing here blocks a thread of the cooperative pool: names, connecting and cancelling run on threads of the
/// ``PostgresReactor``, waiting on its loop.
public final class PostgresConnection: Sendable {
    /// What it was connected with.
    public let configuration: PostgresConfiguration
    /// The server, as `host:port`.
    public let server: String
    /// The process that serves this session, as in `pg_stat_activity`.
    public let processIdentifier: Int32
    /// The server's version, such as 150018 for 15.18.
    public let serverVersion: Int
    /// The protocol of the TLS connection, such as `TLSv1.3`; nil where there is none.
    public let tlsProtocol: String?
    let reactor: PostgresReactor
    let session: Mutex<ConnectionSession>
    private let socket: Int32
    private let ticket: ReactorLoop.Ticket
    private let cancelKey: CancelKey?
    private let closing = Mutex(Closing())
    private let notify: (@Sendable (PostgresNotification) -> Void)?
    private let notices: NoticeReceiver

    private struct Closing {
        var reason: PostgresError?
        var observers: [@Sendable (PostgresError) -> Void] = []
    }

    /// Registers by way of a relay, because the reactor needs somebody to tell before there is a connection.
    init(
        _ established: PostgresConnector.Established, _ configuration: PostgresConfiguration,
        _ reactor: PostgresReactor, notify: (@Sendable (PostgresNotification) -> Void)?
    ) throws(PostgresError) {
        let handle = established.handle
        let server = "\(established.candidate)"
        self.server = server
        (self.configuration, self.reactor, self.notify) = (configuration, reactor, notify)
        processIdentifier = PQbackendPID(handle.pointer)
        serverVersion = Int(PQserverVersion(handle.pointer))
        tlsProtocol =
            PQsslInUse(handle.pointer) == 1
            ? PQsslAttribute(handle.pointer, "protocol").map { String(cString: $0) } : nil
        cancelKey = CancelKey(handle)
        socket = PQsocket(handle.pointer)
        notices = NoticeReceiver(configuration.noticeObserver, server: server)
        notices.attach(handle)
        guard PQsetnonblocking(handle.pointer, 1) == 0, PQenterPipelineMode(handle.pointer) == 1 else {
            defer { PQfinish(handle.pointer) }
            throw PostgresError(.connect, .unavailable("“\(server)”: no pipeline mode: \(handle.message)"))
        }
        session = Mutex(
            ConnectionSession(handle, limits: configuration.machineLimits, server: server, notices: notices))
        let relay = ConnectionRelay()
        guard let ticket = reactor.loop.register(relay, descriptor: PQsocket(handle.pointer)) else {
            defer { PQfinish(handle.pointer) }
            throw PostgresError(.connect, .unavailable("“\(server)”: the event loop has ended"))
        }
        self.ticket = ticket
        relay.attach(self)
    }
    deinit { closeNow(PostgresError(.connectionLost, .unavailable("the connection was let go of"))) }

    // MARK: requests

    /// Sends a batch and waits for its answer.
    ///
    /// When the calling task is cancelled, a read returns at once. Anything else returns when the server has said what
    /// became of it: the running statement is cancelled, and at the latest after the drain timeout the connection is
    /// closed. So it is at the deadline.
    /// - Parameters:
    ///   - batch: one statement or more.
    ///   - deadline: until when to wait; the configuration's request timeout from now if nil.
    /// - Throws: ``PostgresError``. Unless it is ``Storage/StorageError/unknown(_:)``, nothing was changed.
    public func submit(_ batch: PostgresBatch, deadline: Instant? = nil) async throws(PostgresError) -> PostgresReply {
        if let refusal = batch.refusal { throw refusal }
        let pending = PendingBatch(batch)
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in enter(pending, continuation, deadline) }
        } onCancel: {
            abandon(pending)
        }
        return try result.get()
    }

    /// Sends one statement and waits for its rows; see ``submit(_:deadline:)``.
    public func query(
        _ statement: SQLStatement, effect: PostgresBatch.Effect, deadline: Instant? = nil
    ) async throws(PostgresError) -> PostgresResult {
        try await submit(PostgresBatch([statement], effect: effect), deadline: deadline).first
    }

    private func enter(
        _ pending: PendingBatch, _ continuation: CheckedContinuation<Result<PostgresReply, PostgresError>, Never>,
        _ deadline: Instant?
    ) {
        let now = reactor.time.instant()
        let request = PipelineRequest(
            token: pending, effect: pending.batch.effect, statements: pending.batch.items.count,
            bytes: pending.byteCount, deadline: deadline ?? now + configuration.requestTimeout)
        let refusal: PostgresError? = perform { session, effects in
            if pending.isCancelled {
                return PostgresError(.cancelled, .unavailable("the caller's task was cancelled before it asked"))
            }
            if let refusal = session.machine.submit(request) { return refusal }
            pending.continuation = continuation
            session.pump(now: now, &effects)
            return nil
        }
        if let refusal { continuation.resume(returning: .failure(refusal)) }
    }

    private func abandon(_ pending: PendingBatch) {
        let now = reactor.time.instant()
        perform { session, effects in
            pending.isCancelled = true
            if let ending = session.machine.abandon(pending, now: now) { effects.answer(ending) }
            session.pump(now: now, &effects)
        }
    }

    // MARK: state

    /// What the session's transaction is doing, as the server said last.
    public var transactionStatus: TransactionStatus { session.withLock { $0.machine.transactionStatus } }
    /// Whether the connection is open, nothing is under way and no transaction is open: others may have it.
    public var isClean: Bool { session.withLock { $0.machine.isIdle && $0.machine.transactionStatus == .idle } }
    /// Whether nothing of its user's is under way and no transaction is open, though it may be forgetting statements.
    var isFree: Bool { session.withLock { $0.machine.isFree && $0.machine.transactionStatus == .idle } }
    /// Whether it can still be used.
    public var isOpen: Bool { session.withLock { !$0.machine.isClosed } }
    /// How many batches are accepted and not answered.
    public var pendingCount: Int { session.withLock { $0.machine.pendingCount } }
    /// How many statements are prepared.
    public var preparedStatementCount: Int { session.withLock { $0.machine.cache.count } }

    /// What the server reports of a setting without being asked, such as `in_hot_standby` or
    /// `default_transaction_read_only`; nil for settings that it does not report.
    public func parameter(_ name: String) -> String? { session.withLock { $0.handle?.parameter(name) } }
    /// Whether the server is a replica, as it reported with its last answer: a promotion shows with the next one. nil
    /// before PostgreSQL 14, which does not report it.
    public var isStandby: Bool? { parameter("in_hot_standby").map { $0 == "on" } }

    // MARK: the end

    /// Closes the connection. Callers that still wait are told what is known.
    public func close() { closeNow(PostgresError(.connectionLost, .unavailable("the connection was closed"))) }

    /// Calls `body` once the connection is closed, with the reason; at once if it is.
    public func whenClosed(_ body: @escaping @Sendable (PostgresError) -> Void) {
        let reason: PostgresError? = closing.withLock { closing in
            if closing.reason == nil { closing.observers.append(body) }
            return closing.reason
        }
        if let reason { body(reason) }
    }

    func closeNow(_ error: PostgresError) { perform { session, effects in session.close(error, &effects) } }

    /// Asks the server to cancel what runs now, on a thread that may block.
    func cancelRunning() {
        let isTaken = reactor.cancelling.run { [cancelKey, weak self] in
            _ = cancelKey?.cancel()
            self?.cancelReturned()
        }
        // Then the time to drain decides.
        if !isTaken { cancelReturned() }
    }

    private func cancelReturned() {
        let now = reactor.time.instant()
        perform { session, effects in
            session.machine.cancelReturned()
            session.pump(now: now, &effects)
        }
    }

    // MARK: the lock and what follows it

    /// Runs `body` under the lock, then what it left to do.
    @discardableResult
    func perform<Value: Sendable>(
        _ body: (inout ConnectionSession, inout ConnectionEffects) -> Value
    ) -> Value {
        var effects = ConnectionEffects()
        let (value, alarm, garbage) = session.withLock { session in
            let value = body(&session, &effects)
            let interest = session.interest
            if interest != session.watched, !session.machine.isClosed {
                session.watched = interest
                reactor.loop.watch(ticket, descriptor: socket, for: interest)
            }
            return (value, session.machine.alarm, session.takeHandle())
        }
        if let garbage {
            reactor.loop.remove(ticket, descriptor: socket)
            PQfinish(garbage.pointer)
        } else if let alarm {
            reactor.loop.arm(alarm)
        }
        carryOut(effects)
        return value
    }

    private func carryOut(_ effects: ConnectionEffects) {
        if effects.cancels { cancelRunning() }
        for (continuation, answer) in effects.answers { continuation.resume(returning: answer) }
        if let (continuation, event) = effects.copyAnswer { continuation.resume(returning: event) }
        if let notify { for notification in effects.notifications { notify(notification) } }
        guard let reason = effects.closed else { return }
        let observers = closing.withLock { closing in
            closing.reason = reason
            defer { closing.observers = [] }
            return closing.observers
        }
        for observer in observers { observer(reason) }
    }

    // MARK: the reactor

    func ready(_ interest: Interest) {
        let now = reactor.time.instant()
        perform { session, effects in
            if interest.contains(.write) { session.flush() }
            if interest.contains(.read) { session.receive(&effects) }
            session.advanceCopy(&effects)
            session.pump(now: now, &effects)
        }
    }

    func tick(now: Instant) {
        perform { session, effects in
            let alarm = session.machine.tick(now: now)
            for ending in alarm.endings { effects.answer(ending) }
            if let reason = alarm.closing {
                session.close(
                    PostgresError(.connectionLost, .unavailable("“\(server)”: \(reason)")), &effects)
            }
            session.pump(now: now, &effects)
        }
    }

    func reactorStopped() { closeNow(PostgresError(.connectionLost, .unavailable("the event loop was stopped"))) }
}

/// Stands between the reactor and a connection, without keeping the connection alive.
final class ConnectionRelay: ReactorClient {
    private struct Target { weak var connection: PostgresConnection? }
    private let target = Mutex(Target())

    func attach(_ connection: PostgresConnection) { target.withLock { $0.connection = connection } }
    func ready(_ interest: Interest) { connection?.ready(interest) }
    func tick(now: Instant) { connection?.tick(now: now) }
    func reactorStopped() { connection?.reactorStopped() }
    private var connection: PostgresConnection? { target.withLock { $0.connection } }
}

extension PostgresBatch {
    /// Why the batch is not sent at all.
    fileprivate var refusal: PostgresError? {
        func refuse(_ reason: String, at statement: Int? = nil) -> PostgresError {
            PostgresError(.invalidRequest, .statement(reason), statement: statement)
        }
        if items.isEmpty { return refuse("the batch has no statement") }
        if case .commits(let place?) = effect, !items.indices.contains(place) {
            return refuse("the batch commits at statement \(place), but has \(items.count)")
        }
        for (index, item) in items.enumerated() {
            if item.statement.hasNUL {
                return refuse("the text of the statement holds the character U+0000", at: index)
            }
            if let refusal = item.parameters.refusal { return refuse(refusal, at: index) }
            if item.parameters.count > 65_535 {
                return refuse("\(item.parameters.count) parameters, where 65535 is the most; send lists", at: index)
            }
            // A message of the protocol ends at 1 GiB.
            if item.parameters.byteCount > 1 << 30 - 1 << 16 {
                let bytes = item.parameters.byteCount
                return refuse("the parameters take \(bytes) bytes, where 1 GiB is the most", at: index)
            }
        }
        return nil
    }
}
