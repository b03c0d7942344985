/// What a saga's row must fit: its steps by name and kind, without the code that they run.
///
/// The saga's progress is kept in terms of the outline, and an instance is only worked on by a definition whose
/// fingerprint is the one that it began with.
public struct SagaOutline: Sendable, Hashable {
    /// How a step does its work.
    public enum Kind: String, Sendable, CaseIterable {
        /// A decision inside the commit that records it.
        case local
        /// A call to somebody else, whose intent is durable before it is made.
        case external
        /// Waits for a signal or a time.
        case awaiting
    }
    /// What can become of a step's effect. (Garcia-Molina & Salem 1987; the classes are Mehrotra et al. 1992.)
    public enum Class: String, Sendable, CaseIterable {
        /// Can be undone.
        case compensatable
        /// Has no effect that anybody would have to undo.
        case effectless
        /// Once it is done the saga only goes forward.
        case pivot
        /// Comes after the pivot and is tried until it succeeds.
        case retriable
    }
    /// One step.
    public struct Step: Sendable, Hashable {
        /// Its name, unique in the saga.
        public let name: String
        /// How it does its work.
        public let kind: Kind
        /// What can become of its effect.
        public let category: Class
        /// How its compensation works; nil where there is none.
        public let compensation: Kind?
        /// How it is retried.
        public let policy: StepPolicy

        /// A step.
        public init(_ name: String, _ kind: Kind, _ category: Class, compensation: Kind?, policy: StepPolicy) {
            (self.name, self.kind, self.category) = (name, kind, category)
            (self.compensation, self.policy) = (compensation, policy)
        }
    }
    /// One place in the sequence: a step, or branches that are worked on side by side. The numbers are positions in
    /// ``steps``.
    public enum Stage: Sendable, Hashable {
        /// One step.
        case step(Int)
        /// Branches, each a sequence of steps.
        case parallel([[Int]])
    }
    /// What an outline is made of. A class, because every copy of a running saga points to it.
    private final class Parts: Sendable {
        let name: String
        let version: Int64
        let steps: [Step]
        let stages: [Stage]
        let fingerprint: Int64
        /// For each step, a list of it alone.
        let alone: [[Int]]

        init(_ name: String, _ version: Int64, _ steps: [Step], _ stages: [Stage]) {
            (self.name, self.version, self.steps, self.stages) = (name, version, steps, stages)
            fingerprint = SagaOutline.fingerprint(name, steps, stages)
            alone = steps.indices.map { [$0] }
        }
    }
    private var parts: Parts

    /// The saga's name.
    public var name: String { parts.name }
    /// The definition's version.
    public var version: Int64 { parts.version }
    /// All steps, in the order of their declaration.
    public internal(set) var steps: [Step] {
        get { parts.steps }
        set { parts = Parts(name, version, newValue, stages) }
    }
    /// The sequence.
    public internal(set) var stages: [Stage] {
        get { parts.stages }
        set { parts = Parts(name, version, steps, newValue) }
    }
    /// Changes with any step's name, kind, class or place, and not with its policy: FNV-1a, 64 bits.
    public var fingerprint: Int64 { parts.fingerprint }

    /// A list of one step, made once: a running saga asks what it may do next a dozen times in each commit.
    func alone(_ step: Int) -> [Int] { parts.alone[step] }

    init(name: String, version: Int64) { parts = Parts(name, version, [], []) }

    /// The position of the step with that name.
    public func position(of name: String) -> Int? { steps.firstIndex { $0.name == name } }

    /// Whether both are of the same name and version and have the same steps, policies included.
    public static func == (a: Self, b: Self) -> Bool {
        a.parts === b.parts
            || a.name == b.name && a.version == b.version && a.steps == b.steps && a.stages == b.stages
    }
    /// Hashes what tells outlines apart.
    public func hash(into hasher: inout Hasher) {
        hasher.combine(fingerprint)
        hasher.combine(version)
    }

    private static func fingerprint(_ name: String, _ steps: [Step], _ stages: [Stage]) -> Int64 {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func add(_ text: String) {
            for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            hash = (hash ^ 0x1F) &* 0x100_0000_01B3
        }
        add(name)
        for step in steps {
            add(step.name)
            add(step.kind.rawValue)
            add(step.category.rawValue)
            add(step.compensation?.rawValue ?? "")
        }
        for stage in stages {
            switch stage {
            case .step(let index): add("\(index)")
            case .parallel(let branches): add("\(branches)")
            }
        }
        return Int64(bitPattern: hash)
    }

    /// Adds a step and answers its position. Two steps of one name are a bug in the definition.
    mutating func add(_ step: Step) -> Int {
        precondition(position(of: step.name) == nil, "the saga “\(name)” has two steps named “\(step.name)”")
        steps.append(step)
        return steps.count - 1
    }
}
