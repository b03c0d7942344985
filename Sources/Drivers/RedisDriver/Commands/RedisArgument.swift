/// What can stand as an argument of a command. Redis knows bytes only; numbers go as their digits.
public protocol RedisArgument: Sendable {
    /// Appends itself as one argument.
    func append(to command: inout RedisCommand)
}

extension String: RedisArgument {
    /// Its UTF-8.
    public func append(to command: inout RedisCommand) { command.append(utf8: utf8) }
}
extension Substring: RedisArgument {
    /// Its UTF-8.
    public func append(to command: inout RedisCommand) { command.append(utf8: utf8) }
}
extension Array: RedisArgument where Element == UInt8 {
    /// The bytes as they are.
    public func append(to command: inout RedisCommand) { command.append(bytes: self) }
}
extension Int: RedisArgument {
    /// Its digits.
    public func append(to command: inout RedisCommand) { command.append(number: Int64(self)) }
}
extension Int64: RedisArgument {
    /// Its digits.
    public func append(to command: inout RedisCommand) { command.append(number: self) }
}
extension Double: RedisArgument {
    /// The shortest digits that give the same number again; `inf` and `-inf` as Redis writes them.
    public func append(to command: inout RedisCommand) { command.append(utf8: "\(self)".utf8) }
}
