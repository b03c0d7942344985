/// A Redis server or one of its tools did not do what a test needs.
public struct RedisFailure: Error, CustomStringConvertible {
    /// What happened.
    public let what: String
    /// The end of the server's log, or of the tool's messages.
    public let log: String

    /// A failure of something that wrote `log`.
    public init(what: String, log: String) { (self.what, self.log) = (what, log) }

    /// Both.
    public var description: String { "\(what). Its messages end with:\n\(log.suffix(4_000))" }
}
