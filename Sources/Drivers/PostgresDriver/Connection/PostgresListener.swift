import Storage
import Synchronization

/// Listens to channels of `NOTIFY`, on a connection of its own.
///
/// Notifications are hints: a server restart, a lost connection or a full buffer loses some. Whoever needs all of what
/// they announce reads it from a table, when a listener begins, when ``droppedCount`` grows, and now and then.
public final class PostgresListener: AsyncSequence, Sendable {
    /// A notification.
    public typealias Element = PostgresNotification
    /// Why listening ended.
    public typealias Failure = any Error

    private let connection: PostgresConnection
    private let stream: AsyncThrowingStream<PostgresNotification, any Error>
    private let dropped: Counter

    private final class Counter: Sendable {
        let value = Atomic<Int>(0)
    }

    private init(
        _ connection: PostgresConnection, _ stream: AsyncThrowingStream<PostgresNotification, any Error>,
        _ dropped: Counter
    ) {
        (self.connection, self.stream, self.dropped) = (connection, stream, dropped)
    }
    deinit { connection.close() }

    /// Connects and listens.
    /// - Parameters:
    ///   - channels: the channels' names, as they are, in upper and lower case.
    ///   - bufferLimit: how many notifications are kept until they are read; older ones give way.
    /// - Throws: ``PostgresError``, also through a transaction pooler, which would lose what is listened to.
    public static func listen(
        to channels: [String], _ configuration: PostgresConfiguration, on reactor: PostgresReactor,
        bufferLimit: Int = 1_024
    ) async throws(PostgresError) -> PostgresListener {
        if configuration.pooler == .transaction {
            let reason = "LISTEN does not work through a transaction pooler; give the server's own URL"
            throw PostgresError(.invalidRequest, .statement(reason))
        }
        if channels.isEmpty || channels.contains(where: { $0.isEmpty || $0.utf8.count > 63 || $0.utf8.contains(0) }) {
            throw PostgresError(.invalidRequest, .statement("a channel's name has 1 to 63 bytes, and none is U+0000"))
        }
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: PostgresNotification.self, throwing: (any Error).self,
            bufferingPolicy: .bufferingNewest(Swift.max(1, bufferLimit)))
        let dropped = Counter()
        let connection = try await PostgresConnection.connect(configuration, on: reactor, deadline: nil) {
            notification in
            if case .dropped = continuation.yield(notification) {
                dropped.value.wrappingAdd(1, ordering: .relaxed)
            }
        }
        connection.whenClosed { continuation.finish(throwing: $0) }
        var batch = PostgresBatch(effect: .commits())
        for channel in channels {
            let quoted = channel.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            batch.append("LISTEN \"\(quoted)\"")
        }
        do { _ = try await connection.submit(batch) } catch {
            connection.close()
            throw error
        }
        return PostgresListener(connection, stream, dropped)
    }

    /// How many notifications gave way because nobody read them in time.
    public var droppedCount: Int { dropped.value.load(ordering: .relaxed) }

    /// Ends listening; the sequence ends with an error that says so.
    public func close() { connection.close() }

    /// Begins to read; one reader at a time.
    public func makeAsyncIterator() -> AsyncThrowingStream<PostgresNotification, any Error>.Iterator {
        stream.makeAsyncIterator()
    }
}
