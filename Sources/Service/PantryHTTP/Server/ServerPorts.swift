import Synchronization

/// The clock, the sleep and the request ids that the server uses, so that tests and simulations bring their own.
package struct ServerPorts: Sendable {
    package var now: @Sendable () -> ContinuousClock.Instant
    /// Used only while stopping. Throws when the task is cancelled.
    package var sleep: @Sendable (Duration) async throws -> Void
    package var newRequestID: @Sendable () -> String

    package init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        sleep: @escaping @Sendable (Duration) async throws -> Void,
        newRequestID: @escaping @Sendable () -> String
    ) {
        self.now = now
        self.sleep = sleep
        self.newRequestID = newRequestID
    }

    /// The machine's clock, and ids that no two processes share.
    ///
    /// - Parameter seed: 64 random bits, from the random source that the process was started with.
    package static func system(seed: UInt64) -> ServerPorts {
        let ids = RequestIDSource(seed: seed)
        return ServerPorts(
            now: { ContinuousClock().now }, sleep: { try await ContinuousClock().sleep(for: $0) },
            newRequestID: { ids.next() })
    }
}

/// Makes request ids: 16 hex digits of the process, then 16 of a counter that is scrambled one-to-one.
///
/// They are unique and cheap. They are not secrets, and need not be hard to guess.
package final class RequestIDSource: Sendable {
    private let seed: UInt64
    private let counter = Atomic<UInt64>(0)

    package init(seed: UInt64) {
        self.seed = seed
    }

    /// An id that this source has not given before.
    package func next() -> String {
        let count = counter.wrappingAdd(1, ordering: .relaxed).newValue
        let low = Self.scrambled(count &+ seed)
        return String(unsafeUninitializedCapacity: 32) { bytes in
            Self.write(seed, into: bytes, at: 0)
            Self.write(low, into: bytes, at: 16)
            return 32
        }
    }

    /// The output function of SplitMix64, a bijection.
    private static func scrambled(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }

    private static func write(_ value: UInt64, into bytes: UnsafeMutableBufferPointer<UInt8>, at offset: Int) {
        for index in 0..<16 {
            let digit = UInt8(truncatingIfNeeded: value >> UInt64(60 - 4 * index)) & 0xF
            bytes[offset + index] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
        }
    }
}
