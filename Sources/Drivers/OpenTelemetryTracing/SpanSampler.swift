/// Which traces are recorded. Whoever begins a trace decides for all of it; a sampler that is based on the parent keeps
/// to that decision.
public struct SpanSampler: Sendable, Hashable {
    /// What a trace without a parent, or a sampler that does not ask it, goes by.
    public enum Root: Sendable, Hashable {
        /// Everything.
        case all
        /// Nothing.
        case none
        /// This share of all traces, 0…1, by their ids: every server decides alike.
        case ratio(Double)
    }
    /// The decision without a parent.
    public let root: Root
    /// Whether a parent's decision counts.
    public let asksParent: Bool
    private let threshold: UInt64

    /// - Parameter asksParent: the default, and what keeps traces whole.
    public init(_ root: Root, asksParent: Bool = true) {
        (self.root, self.asksParent) = (root, asksParent)
        let scale = Double(UInt64(1) << 56)
        threshold =
            switch root {
            case .all: 1 << 56
            case .none: 0
            case .ratio(let share): UInt64((min(max(share, 0), 1) * scale).rounded())
            }
    }

    /// Everything, unless the parent was left out.
    public static let parentBasedAll = SpanSampler(.all)

    /// Whether to record a span of this trace.
    func records(_ trace: TraceID, parentIsSampled: Bool?) -> Bool {
        if asksParent, let parentIsSampled { return parentIsSampled }
        // The 56 bits that Trace Context level 2 wants to be random.
        return trace.low & (1 << 56 - 1) < threshold
    }
}
