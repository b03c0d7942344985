import CallPolicies
import Determinism

/// The call was not made: too many are under way.
public struct BulkheadError: CallNotMade, RepeatAdvising, Hashable, CustomStringConvertible {
    /// Why.
    public enum Reason: Sendable, Hashable {
        /// All places are taken and the queue is full.
        case full
        /// No place became free in time.
        case waitedTooLong
        /// The caller was cancelled while it waited.
        case cancelled
    }
    /// The bulkhead's name.
    public let bulkhead: String
    /// Why.
    public let reason: Reason
    /// How many calls were under way, and how many callers waited.
    public let (running, waiting): (Int, Int)

    /// Who is overloaded is not helped by more of the same.
    public var repeatAdvice: RepeatAdvice { .pointless }

    /// One line for a log.
    public var description: String {
        let state = "(\(running) under way, \(waiting) waiting)"
        switch reason {
        case .full: return "Bulkhead '\(bulkhead)' is full \(state)"
        case .waitedTooLong: return "No place became free in bulkhead '\(bulkhead)' in time \(state)"
        case .cancelled: return "The caller was cancelled while it waited at bulkhead '\(bulkhead)' \(state)"
        }
    }
}
