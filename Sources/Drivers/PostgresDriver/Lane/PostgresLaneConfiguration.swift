import ConnectionPooling
import Retrying

/// How the write lane of a ``PostgresDatabase`` waits.
public struct PostgresLaneConfiguration: Sendable {
    /// How many connections the lane has, and so how many batches may be under way: 2 by default, from 1 to 8.
    public var connections = 2
    /// How long a batch waits for a row that another server, or another batch of this one, has locked; 100 ms by
    /// default. Then the rows that are locked are passed over, and the commands that need them put off.
    public var lockTimeout: Duration = .milliseconds(100)
    /// How long rows are passed over without a wait, after one was in vain; 500 ms by default.
    public var skipTime: Duration = .milliseconds(500)
    /// The longest pause after a batch of which every command was put off; 10 ms by default. Half of it is drawn, so
    /// that servers that wait for the same rows do not come back in step.
    public var heldPause: Duration = .milliseconds(10)
    /// How long the server keeps a batch's locks when this process says nothing any more, because it was stopped or cut
    /// off; 2 s by default.
    public var idleInTransactionTimeout: Duration = .seconds(2)
    /// How long a batch may take; 10 s by default.
    public var batchTimeout: Duration = .seconds(10)
    /// How long connecting may take; 2 s by default. Shorter than for others: meanwhile nobody writes, and there may be
    /// another primary.
    public var connectTimeout: Duration = .seconds(2)
    /// How many bytes of rows the lane remembers from one batch to the next, about: 8 MiB by default, 0 for none. What
    /// was remembered is confirmed under the same locks before anything is written, and read again where somebody has
    /// changed it; it saves the trip that would have read it. Through a transaction pooler nothing is remembered.
    public var memoryBytes = 8 << 20
    /// The most commands of a batch that uses the memory: 16 by default. Among more a trip is little.
    public var memoryBatchLimit = 16
    /// Whether a crowd's next batch over the same rows is decided while the one before it is being written; where it
    /// pays by default.
    public enum DecidesAhead: Sendable, Hashable {
        /// Both ways are tried in turns, and the one by which more commands come through is kept for a while.
        case whereItPays
        /// Wherever it is possible.
        case always
        /// A batch begins when the one before it has ended.
        case never
    }
    /// See ``DecidesAhead``. Without a memory (``memoryBytes``) it is never so.
    public var decidesAhead = DecidesAhead.whereItPays
    /// The pauses between attempts to connect: 50 ms after the first failure, 1 s at most by default. Only the pauses
    /// count here, for there are few connections.
    public var reconnecting = {
        var connecting = PoolConfiguration.Connecting()
        (connecting.pause, connecting.longestPause) = (.milliseconds(50), .seconds(1))
        return connecting
    }()
    /// The defaults.
    public init() {}
}

extension PostgresLaneConfiguration {
    /// The pause after a batch of which every command was put off, half of it fixed and half of it drawn.
    /// - Parameter draw: 64 random bits.
    func heldPause(draw: UInt64) -> Duration {
        Backoff(base: heldPause, multiplier: 1, longest: heldPause, jitter: .half)
            .pause(afterFailures: 1, previous: nil, draw: draw)
    }
}
