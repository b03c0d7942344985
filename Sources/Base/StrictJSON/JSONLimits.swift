// What a document may cost. Time is linear in the input's length with any limits; these bound memory and recursion. The
// length of the input is the caller's business: whoever collects the body limits it.

/// How much a document may hold before it is refused.
public struct JSONLimits: Sendable, Equatable {
    /// The deepest `depth` that has an effect: reading recurses, and this much fits into any thread's stack.
    public static let greatestDepth = 512

    /// How many arrays and objects may be nested. `[[]]` needs 2; 0 allows only a plain string, number, `true`,
    /// `false` or `null`. Values above `greatestDepth` act as `greatestDepth`. Default 32.
    public var depth = 32
    /// How many members one object, or elements one array, may have. Default 10,000.
    public var members = 10_000
    /// How many values (containers included) the whole document may have. It bounds the memory of the result to some
    /// 100 bytes each, plus the text. Default 100,000.
    public var values = 100_000

    /// The defaults, for request bodies.
    public init() {}
}
