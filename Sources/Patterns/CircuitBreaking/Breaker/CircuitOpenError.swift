import CallPolicies
import Determinism

/// The call was not made, because whom it was for does not work at the moment.
public struct CircuitOpenError: CallNotMade, RepeatAdvising, Hashable, CustomStringConvertible {
    /// The breaker's name.
    public let circuit: String
    /// Why, since which generation, and when another try may get through.
    public let rejection: CircuitRejection

    /// An error.
    public init(circuit: String, rejection: CircuitRejection) { (self.circuit, self.rejection) = (circuit, rejection) }

    /// How long it takes until another try may get through; nil when nobody knows.
    public var retryAfter: Duration? { rejection.retryAfter }

    /// To try again at once is what a breaker is there to prevent.
    public var repeatAdvice: RepeatAdvice { .pointless }

    /// One line for a log.
    public var description: String {
        let next = retryAfter.map { "; another try may get through in \($0)" } ?? ""
        switch rejection.reason {
        case .open: return "Circuit '\(circuit)' is open\(next)"
        case .probing: return "Circuit '\(circuit)' is half-open and all its probes are out\(next)"
        case .forcedOpen: return "Circuit '\(circuit)' was opened by an operator"
        }
    }
}
