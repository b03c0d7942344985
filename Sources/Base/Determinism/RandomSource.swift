import Synchronization

/// Where randomness comes from. Nothing above this module draws a random number by itself, so that a run can be
/// replayed.
public protocol RandomSource: Sendable {
    /// 64 uniformly distributed random bits.
    func next() -> UInt64
}

extension RandomSource {
    /// A uniformly distributed number in `0..<bound`; `bound` must be positive. Lemire, "Fast Random Integer Generation
    /// in an Interval" (2019), without the rejection step: the bias is below `bound / 2^64`.
    public func next(below bound: UInt64) -> UInt64 {
        precondition(bound > 0, "an empty range has no number in it")
        return next().multipliedFullWidth(by: bound).high
    }
}

/// The operating system's cryptographically secure generator.
public struct SystemRandom: RandomSource {
    /// The operating system's generator.
    public init() {}

    /// 64 random bits from the operating system.
    public func next() -> UInt64 {
        var generator = SystemRandomNumberGenerator()
        return generator.next()
    }
}

/// A generator that gives the same sequence for the same seed: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). Not for
/// secrets.
public final class SeededRandom: RandomSource {
    private let state: Atomic<UInt64>

    /// The sequence that belongs to `seed`.
    public init(seed: UInt64) { state = Atomic(seed) }

    /// The next 64 bits of the sequence.
    public func next() -> UInt64 {
        splitMix64(state.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue)
    }
}

func splitMix64(_ state: UInt64) -> UInt64 {
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
}
