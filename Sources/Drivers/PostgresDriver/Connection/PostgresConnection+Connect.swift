import CLibPQ
import Determinism
import SocketReactor
import Storage
import Synchronization

extension PostgresConnection {
    /// Connects to the first server of the configuration that takes the connection and has the attributes asked for.
    ///
    /// Names, TCP, TLS and SCRAM are done on a thread of the reactor's that may block; the calling task waits for no
    /// longer than the deadline, even where the system's resolver hangs.
    /// - Parameter deadline: until when to try; the connect timeout for each host, from now, if nil.
    /// - Throws: ``PostgresError`` with the reason of each host, never with the password.
    public static func connect(
        _ configuration: PostgresConfiguration, on reactor: PostgresReactor, deadline: Instant? = nil
    ) async throws(PostgresError) -> PostgresConnection {
        try await connect(configuration, on: reactor, deadline: deadline, notify: nil)
    }

    static func connect(
        _ configuration: PostgresConfiguration, on reactor: PostgresReactor, deadline: Instant?,
        notify: (@Sendable (PostgresNotification) -> Void)?
    ) async throws(PostgresError) -> PostgresConnection {
        do { try configuration.validate() } catch {
            throw PostgresError(.invalidRequest, .statement("\(error)"))
        }
        let passes = configuration.sessionAttributes == .preferStandby ? 2 : 1
        let patience = configuration.connectTimeout * (configuration.hosts.count * passes)
        let deadline = deadline ?? reactor.time.instant() + patience
        let connector = PostgresConnector(configuration, time: reactor.time, deadline: deadline)
        let attempt = ConnectAttempt(connector, target: "\(configuration)")
        let result = await withTaskGroup(of: Result<PostgresConnector.Established, PostgresError>?.self) { group in
            group.addTask { await attempt.run(on: reactor.connecting) }
            group.addTask {
                do { try await reactor.time.sleep(until: deadline) } catch { return nil }
                attempt.giveUp(.deadline, "within the time for it")
                return nil
            }
            var result: Result<PostgresConnector.Established, PostgresError>?
            for await outcome in group {
                guard let outcome else { continue }
                result = outcome
                group.cancelAll()
            }
            return result
        }
        guard let result else {
            throw PostgresError(.cancelled, .unavailable("the caller's task was cancelled"))
        }
        return try PostgresConnection(try result.get(), configuration, reactor, notify: notify)
    }
}

/// One attempt to connect, which ends for its caller with whatever comes first: an answer, the deadline, the caller's
/// cancellation. A connection that is made after that is closed.
private final class ConnectAttempt: Sendable {
    typealias Outcome = Result<PostgresConnector.Established, PostgresError>
    private enum State {
        case idle
        case waiting(CheckedContinuation<Outcome?, Never>)
        case ended(Outcome?)
    }
    private let connector: PostgresConnector
    private let target: String
    private let state = Mutex<State>(.idle)

    init(_ connector: PostgresConnector, target: String) { (self.connector, self.target) = (connector, target) }

    func run(on threads: BlockingThreads) async -> Outcome? {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in begin(continuation, threads) }
        } onCancel: {
            giveUp(.cancelled, "before the caller's task was cancelled")
        }
    }

    private func begin(_ continuation: CheckedContinuation<Outcome?, Never>, _ threads: BlockingThreads) {
        let known: Outcome?? = state.withLock { state in
            if case .ended(let outcome) = state { return .some(outcome) }
            state = .waiting(continuation)
            return nil
        }
        if let known { return continuation.resume(returning: known) }
        let isTaken = threads.run { [self] in
            let outcome = connector.run()
            if !settle(outcome), case .success(let late) = outcome { PQfinish(late.handle.pointer) }
        }
        if !isTaken {
            let reason = "too many connections are being made at the same time"
            _ = settle(.failure(PostgresError(.overloaded, .unavailable(reason))))
        }
    }

    func giveUp(_ code: PostgresError.Code, _ when: String) {
        connector.abandon()
        _ = settle(.failure(PostgresError(code, .unavailable("no connection to \(target) was made \(when)"))))
    }

    private func settle(_ outcome: Outcome) -> Bool {
        let (isFirst, waiting) = state.withLock { state -> (Bool, CheckedContinuation<Outcome?, Never>?) in
            switch state {
            case .ended: return (false, nil)
            case .idle:
                state = .ended(outcome)
                return (true, nil)
            case .waiting(let continuation):
                state = .ended(outcome)
                return (true, continuation)
            }
        }
        waiting?.resume(returning: outcome)
        return isFirst
    }
}
