import Determinism

/// The commands that most programs need, typed. Every other one is `RedisCommand("NAME", argument, …)`.
extension RedisCommand {
    /// What to do with a key that is there, or is not, and how long the value lasts.
    public struct SetOptions: Sendable, Hashable {
        /// Which keys are set.
        public enum Condition: Sendable, Hashable {
            /// All.
            case always
            /// Those that are not there; the answer is null otherwise.
            case ifAbsent
            /// Those that are there; the answer is null otherwise.
            case ifPresent
        }
        /// Which keys are set.
        public var condition = Condition.always
        /// How long the value lasts, in whole milliseconds; nil for ever.
        public var expiration: Duration?

        /// Always, and for ever.
        public init() {}
        /// A value that lasts for that long.
        public static func expiring(after time: Duration, _ condition: Condition = .always) -> Self {
            var options = Self()
            (options.expiration, options.condition) = (time, condition)
            return options
        }
        /// Only if the key is not there.
        public static var ifAbsent: Self {
            var options = Self()
            options.condition = .ifAbsent
            return options
        }
    }

    /// `PING`: whether the server answers.
    public static var ping: RedisCommand { RedisCommand("PING") }
    /// `GET`: bytes, or null.
    public static func get(_ key: some RedisArgument) -> RedisCommand { one("GET", key) }
    /// `SET`: `OK`, or null where the condition did not hold.
    public static func set(
        _ key: some RedisArgument, _ value: some RedisArgument, _ options: SetOptions = SetOptions()
    ) -> RedisCommand {
        var command = one("SET", key)
        command.append(value)
        if let time = options.expiration {
            command.append("PX")
            command.append(milliseconds(time))
        }
        switch options.condition {
        case .always: break
        case .ifAbsent: command.append("NX")
        case .ifPresent: command.append("XX")
        }
        return command
    }
    /// `MGET`: an array with bytes or null for each key.
    public static func get(_ keys: [some RedisArgument]) -> RedisCommand { many("MGET", keys) }
    /// `DEL`: how many keys were there.
    public static func delete(_ keys: String...) -> RedisCommand { many("DEL", keys) }
    /// `EXISTS`: how many of the keys are there.
    public static func exists(_ keys: String...) -> RedisCommand { many("EXISTS", keys) }
    /// `INCRBY`: the number after it.
    public static func increment(_ key: some RedisArgument, by amount: Int = 1) -> RedisCommand {
        two("INCRBY", key, amount)
    }
    /// `PEXPIRE`: 1, or 0 for a key that is not there.
    public static func expire(_ key: some RedisArgument, after time: Duration) -> RedisCommand {
        two("PEXPIRE", key, milliseconds(time))
    }
    /// `PTTL`: milliseconds, -1 for a key that lasts for ever, -2 for none.
    public static func timeToLive(_ key: some RedisArgument) -> RedisCommand { one("PTTL", key) }
    /// `HGET`: bytes, or null.
    public static func get(_ field: some RedisArgument, ofHash key: some RedisArgument) -> RedisCommand {
        two("HGET", key, field)
    }
    /// `HGETALL`: names and values in turns.
    public static func getAll(ofHash key: some RedisArgument) -> RedisCommand { one("HGETALL", key) }
    /// `HSET`: how many fields are new.
    public static func set(
        _ fields: [(name: String, value: any RedisArgument)], ofHash key: some RedisArgument
    ) -> RedisCommand {
        var command = one("HSET", key)
        for field in fields {
            command.append(field.name)
            field.value.append(to: &command)
        }
        return command
    }
    /// `PUBLISH`: how many subscribers got it, on this server.
    public static func publish(_ message: some RedisArgument, to channel: some RedisArgument) -> RedisCommand {
        two("PUBLISH", channel, message)
    }

    private static func one(_ name: String, _ argument: some RedisArgument) -> RedisCommand {
        var command = RedisCommand(name)
        command.append(argument)
        return command
    }
    private static func two(_ name: String, _ first: some RedisArgument, _ second: some RedisArgument) -> RedisCommand {
        var command = one(name, first)
        command.append(second)
        return command
    }
    private static func many(_ name: String, _ arguments: [some RedisArgument]) -> RedisCommand {
        var command = RedisCommand(name)
        command.append(contentsOf: arguments)
        return command
    }
    /// 1 at least: 0 is an error for Redis.
    private static func milliseconds(_ time: Duration) -> Int64 { max(1, time.inNanoseconds / 1_000_000) }
}
