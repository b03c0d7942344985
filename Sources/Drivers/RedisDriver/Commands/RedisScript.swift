import Synchronization

/// A Lua script. Keep it: it remembers the name under which servers cache it.
public final class RedisScript: Sendable {
    /// Its text.
    public let source: String
    private let digest = Mutex<String?>(nil)

    /// A script with that text.
    public init(_ source: String) { self.source = source }

    /// The SHA-1 of the text in hexadecimal, as a server has told it; nil before the first call.
    public private(set) var sha1: String? {
        get { digest.withLock { $0 } }
        set { digest.withLock { $0 = newValue } }
    }

    func learn(_ answer: Result<RedisValue, RedisError>) {
        guard case .success(let value) = answer, let text = try? value.text(), text.utf8.count == 40 else { return }
        sha1 = text
    }
}

extension RedisClient {
    /// Runs a script, which the server executes as a whole with nothing in between.
    ///
    /// The first call sends the text and learns its name (`SCRIPT LOAD`), in one trip; later ones send the name
    /// (`EVALSHA`). A server that does not know it, such as one that was started again, gets the text once more: it has
    /// executed nothing then.
    /// - Throws: ``RedisError``. An error of the server may come from the middle of the script, with a part of it done.
    public func eval(
        _ script: RedisScript, keys: [String] = [], arguments: [any RedisArgument] = [], timeout: Duration? = nil
    ) async throws(RedisError) -> RedisValue {
        try await eval(script, keyCount: keys.count, timeout: timeout) { command in
            command.append(contentsOf: keys)
            for argument in arguments { argument.append(to: &command) }
        }
    }

    /// Runs a script whose keys and arguments are written by a closure: more than once if the server does not know it.
    func eval(
        _ script: RedisScript, keyCount: Int, timeout: Duration? = nil, _ append: (inout RedisCommand) -> Void
    ) async throws(RedisError) -> RedisValue {
        func command(_ name: String, _ which: String) -> RedisCommand {
            var command = RedisCommand(name, capacity: which.utf8.count + 216)
            command.append(utf8: which.utf8)
            command.append(number: Int64(keyCount))
            append(&command)
            return command
        }
        guard let sha1 = script.sha1 else {
            let load = RedisCommand("SCRIPT", "LOAD", script.source)
            let answers = await pipeline([load, command("EVAL", script.source)], timeout: timeout)
            script.learn(answers[0])
            return try answers[1].get()
        }
        do throws(RedisError) { return try await send(command("EVALSHA", sha1), timeout: timeout) } catch {
            guard error.server?.code == .noScript else { throw error }
        }
        return try await send(command("EVAL", script.source), timeout: timeout)
    }
}
