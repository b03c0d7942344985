/// What was published.
public struct RedisMessage: Sendable, Hashable {
    /// The channel that it was published to.
    public let channel: String
    /// The pattern by which it was heard; nil if the channel was subscribed to by name.
    public let pattern: String?
    /// What was published.
    public let payload: [UInt8]

    /// The payload as UTF-8; what is not becomes U+FFFD.
    public var text: String { String(decoding: payload, as: UTF8.self) }
}

/// A place in a subscription where messages may be missing. Whoever must know what they said reads it from where it is
/// kept, now: the subscription is in force again, and what is published from here on comes.
public struct RedisGap: Sendable, Hashable {
    /// How many messages gave way because nobody took them in time.
    public var droppedCount = 0
    /// Whether the connection was lost and made again; nobody knows how many were published meanwhile.
    public var wasInterrupted = false
}

/// What a subscription brings.
public enum RedisEvent: Sendable, Hashable {
    /// A message.
    case message(RedisMessage)
    /// Messages may be missing here.
    case gap(RedisGap)
}
