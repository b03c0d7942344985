/// What a caller waits for. All but the constants is guarded by its connection's lock.
final class PendingRequest: @unchecked Sendable {
    /// What is sent.
    enum Content: Sendable {
        case single(RedisCommand)
        case pipeline([RedisCommand])
        /// Between `MULTI` and `EXEC`.
        case transaction([RedisCommand])
    }
    /// What the caller is told.
    enum Outcome: Sendable {
        case value(RedisValue)
        /// The replies, in order; fewer than commands when the rest failed.
        case values([RedisValue], RedisError?)
        case failure(RedisError)
    }
    let content: Content
    let replies: Int
    let bytes: Int
    private var values: [RedisValue] = []
    var continuation: UnsafeContinuation<Outcome, Never>?
    /// The caller was cancelled before the request was submitted.
    var isCancelled = false

    init(_ command: RedisCommand) { (content, replies, bytes) = (.single(command), 1, command.byteCount) }

    init(_ commands: [RedisCommand], isTransaction: Bool) {
        content = isTransaction ? .transaction(commands) : .pipeline(commands)
        let around = isTransaction ? [Self.multi, Self.exec] : []
        replies = commands.count + around.count
        bytes = (commands + around).reduce(0) { $0 + $1.byteCount }
    }

    /// Whether the server does nothing before it has all.
    var isAtomic: Bool {
        if case .pipeline = content { return false }
        return true
    }

    static let multi = RedisCommand("MULTI")
    static let exec = RedisCommand("EXEC")

    func encode(into output: inout [UInt8]) {
        switch content {
        case .single(let command): command.encode(into: &output)
        case .pipeline(let commands): for command in commands { command.encode(into: &output) }
        case .transaction(let commands):
            Self.multi.encode(into: &output)
            for command in commands { command.encode(into: &output) }
            Self.exec.encode(into: &output)
        }
    }

    /// Takes a reply; what the caller is told if it was the last.
    func take(_ value: RedisValue, isLast: Bool) -> Outcome? {
        if case .single = content { return .value(value) }
        values.append(value)
        return isLast ? .values(values, nil) : nil
    }

    /// What the caller is told when nothing more comes.
    func outcome(_ error: RedisError) -> Outcome {
        if case .pipeline = content, !values.isEmpty { return .values(values, error) }
        return .failure(error)
    }
}
