import Determinism
import SocketReactor
import Synchronization

/// A client of one Redis server, for any number of tasks at once, over a few connections.
///
/// Commands of many tasks share writes and reads by themselves; nobody waits for a connection, and nothing blocks a
/// thread of the cooperative pool. Lost connections are made again, with waits that grow. Nothing is ever sent twice:
/// after a loss each caller is told whether its command may have been executed (``RedisError/Effect``).
///
///     let client = try RedisClient(RedisConfiguration(url: "redis://:secret@cache:6379/0"), on: reactor)
///     try await client.send(.set("greeting", "hello", .expiring(after: .seconds(60))))
///     let text = try await client.send(.get("greeting")).optionalText()
public final class RedisClient: Sendable {
    /// What it was made with.
    public let configuration: RedisConfiguration
    let reactor: Reactor
    let random: any RandomSource
    /// What all connections' TLS has in common; nil without TLS.
    let tls: TLSContext?
    private let lines: [RedisLine]
    private let turn = Atomic<Int>(0)
    private let defaultTimeout: Int64

    /// Begins to connect; commands may be sent at once, and wait for the first attempt.
    /// - Parameters:
    ///   - reactor: the process's event loop.
    ///   - random: draws the waits between attempts to connect.
    ///   - observer: hears of connections made and lost.
    /// - Throws: ``RedisConfigurationError``.
    public init(
        _ configuration: RedisConfiguration, on reactor: Reactor, random: any RandomSource = SystemRandom(),
        observer: (any RedisObserver)? = nil
    ) throws(RedisConfigurationError) {
        try configuration.validate()
        let tls = try configuration.tlsContext()
        (self.configuration, self.reactor, self.random, self.tls) = (configuration, reactor, random, tls)
        defaultTimeout = configuration.commandTimeout.inNanoseconds
        lines = (0..<configuration.connectionCount).map { RedisLine($0, configuration, tls, reactor, random, observer) }
        for line in lines { _ = line.start() }
    }
    deinit { close() }

    /// Closes all connections. Commands under way, and later ones, fail.
    public func close() {
        for line in lines { line.close(RedisError(.closed, .unknown, "the client was closed")) }
    }

    /// What the client has done, and what it is doing.
    public var statistics: RedisStatistics { lines.reduce(RedisStatistics()) { $0 + $1.statistics } }

    // MARK: commands

    /// Sends one command and waits for its answer.
    /// - Parameters:
    ///   - timeout: how long to wait, the configuration's time if nil.
    /// - Throws: ``RedisError``; an error that the server answers with is one, too.
    @discardableResult
    public func send(_ command: RedisCommand, timeout: Duration? = nil) async throws(RedisError) -> RedisValue {
        try check(command)
        switch await leastLoaded().send(PendingRequest(command), timeout: nanoseconds(timeout)) {
        case .value(.error(let error)): throw .answered(error)
        case .value(let value): return value
        case .values(_, let error): throw error ?? RedisError(.protocolViolation, .answered, "more than one answer")
        case .failure(let error): throw error
        }
    }

    /// Sends commands together, with one write, and waits for all answers. Commands of others may come between; if a
    /// connection is lost, some may have been executed.
    /// - Returns: one answer or error for each command, in order.
    public func pipeline(
        _ commands: [RedisCommand], timeout: Duration? = nil
    ) async -> [Result<RedisValue, RedisError>] {
        if commands.isEmpty { return [] }
        do throws(RedisError) { for command in commands { try check(command) } } catch {
            return commands.map { _ in .failure(error) }
        }
        let pending = PendingRequest(commands, isTransaction: false)
        switch await leastLoaded().send(pending, timeout: nanoseconds(timeout)) {
        case .failure(let error): return commands.map { _ in .failure(error) }
        case .value(let value): return [.success(value)]
        case .values(let values, let error):
            var results = values.map { value -> Result<RedisValue, RedisError> in
                if case .error(let error) = value { return .failure(.answered(error)) }
                return .success(value)
            }
            while results.count < commands.count, let error { results.append(.failure(error)) }
            return results
        }
    }

    /// Sends commands between `MULTI` and `EXEC`, with one write: nobody's commands come between. Redis has no
    /// rollback: when one of them fails while it is executed, the others are executed nevertheless.
    /// - Returns: one answer for each command; ``RedisValue/error(_:)`` for one that failed while it was executed.
    /// - Throws: ``RedisError``. With ``RedisServerError/Code/transactionAborted`` nothing was executed.
    public func transaction(
        _ commands: [RedisCommand], timeout: Duration? = nil
    ) async throws(RedisError) -> [RedisValue] {
        if commands.isEmpty { return [] }
        for command in commands { try check(command) }
        let pending = PendingRequest(commands, isTransaction: true)
        switch await leastLoaded().send(pending, timeout: nanoseconds(timeout)) {
        case .failure(let error): throw error
        case .value(let value): return [value]
        case .values(let values, let error):
            if let error { throw error }
            guard values[0].isOK else {
                throw RedisError(
                    .server, .answered, "the server refused MULTI, so that the commands were executed by themselves")
            }
            guard case .array(let results)? = values.last else { throw Self.aborted(values) }
            return results
        }
    }

    /// Why `EXEC` executed nothing: the first command that could not be queued says it best.
    private static func aborted(_ values: [RedisValue]) -> RedisError {
        guard case .error(let abort)? = values.last else {
            return RedisError(.unexpectedReply, .answered, "EXEC was not answered with an array")
        }
        for case .error(let cause) in values.dropFirst().dropLast() {
            return RedisError(
                .server, .answered, "nothing was executed: \(cause.message)", server: abort)
        }
        return .answered(abort)
    }

    private func check(_ command: RedisCommand) throws(RedisError) {
        if let reason = CommandRefusal.reason(command, allowsBlocking: configuration.allowsBlockingCommands) {
            throw RedisError(.invalidRequest, .notSent, reason)
        }
    }

    private func nanoseconds(_ timeout: Duration?) -> Int64 { timeout?.inNanoseconds ?? defaultTimeout }

    /// The connection with the fewest commands under way; of several, each in turn.
    private func leastLoaded() -> RedisLine {
        if lines.count == 1 { return lines[0] }
        let first = Int(UInt(bitPattern: turn.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(lines.count))
        var best = lines[first]
        var least = best.load.load(ordering: .relaxed)
        for step in 1..<lines.count where least > 0 {
            let line = lines[(first + step) % lines.count]
            let load = line.load.load(ordering: .relaxed)
            if load < least { (best, least) = (line, load) }
        }
        return best
    }
}
