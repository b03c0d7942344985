import Determinism

/// What is published to some channels, on a connection of its own.
///
/// Messages are hints: Redis keeps none for whoever is not there. When the connection is lost it is made again, and the
/// subscription with it; a ``RedisEvent/gap(_:)`` then says, once it is in force again, that messages may be missing.
/// So it does where messages gave way because nobody took them in time.
///
///     for await event in try await client.subscribe(to: ["prices"]) {
///         switch event {
///         case .message(let message): apply(message.text)
///         case .gap: await readAllPricesAgain()
///         }
///     }
///
/// It ends with ``close()``, when it is let go of, or with the event loop; not with the client that it was made from.
public final class RedisSubscription: AsyncSequence, Sendable {
    /// A message, or a place where some may be missing.
    public typealias Element = RedisEvent
    /// It never fails; it ends.
    public typealias Failure = Never

    private let line: SubscriptionLine

    init(_ line: SubscriptionLine) { self.line = line }
    deinit { close() }

    /// Ends it. What has come is still read; then the sequence ends.
    public func close() { line.close(RedisError(.closed, .unknown, "the subscription was closed")) }

    /// Whether messages that are published now will come: not while a connection that was lost is made again, as soon
    /// as that is known.
    public var isInForce: Bool { line.isInForce }

    /// How many messages gave way because nobody took them in time.
    public var droppedCount: Int { line.buffer.droppedCount }

    /// Begins to read; one reader at a time.
    public func makeAsyncIterator() -> Iterator { Iterator(subscription: self) }

    /// Reads event by event.
    public struct Iterator: AsyncIteratorProtocol {
        let subscription: RedisSubscription

        /// The next event; nil at the end, and when the task is cancelled.
        public mutating func next() async -> RedisEvent? { await subscription.line.buffer.next() }

        /// The next event; nil at the end, and when the task is cancelled.
        public mutating func next(isolation actor: isolated (any Actor)?) async -> RedisEvent? {
            await subscription.line.buffer.next()
        }
    }
}

extension RedisClient {
    /// Subscribes, on a connection of its own, and returns once the server has confirmed that.
    /// - Parameters:
    ///   - channels: names of channels.
    ///   - patterns: patterns of names, such as `prices.*`.
    ///   - bufferLimit: how many events are kept until they are read; the oldest messages give way.
    ///   - bufferByteLimit: how many bytes of them.
    ///   - timeout: how long to wait for the confirmation; the configuration's time for commands if nil.
    /// - Throws: ``RedisError``.
    public func subscribe(
        to channels: [String] = [], patterns: [String] = [], bufferLimit: Int = 1_024,
        bufferByteLimit: Int = 16 << 20, timeout: Duration? = nil
    ) async throws(RedisError) -> RedisSubscription {
        if channels.isEmpty && patterns.isEmpty {
            throw RedisError(.invalidRequest, .notSent, "a subscription has at least one channel or pattern")
        }
        if Set(channels).count < channels.count || Set(patterns).count < patterns.count {
            throw RedisError(.invalidRequest, .notSent, "a channel or a pattern is there twice")
        }
        let line = SubscriptionLine(
            configuration, tls, channels: channels, patterns: patterns,
            timeout: timeout ?? configuration.commandTimeout,
            buffer: MessageBuffer(limit: bufferLimit, byteLimit: bufferByteLimit), reactor, random)
        if let error = await line.start() {
            line.close(error)
            throw error
        }
        return RedisSubscription(line)
    }
}
