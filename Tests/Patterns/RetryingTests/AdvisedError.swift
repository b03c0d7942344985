import CallPolicies

/// An error that says about repeating what a test wants it to, as a breaker's or a driver's would.
struct AdvisedError: RepeatAdvising, Hashable {
    let repeatAdvice: RepeatAdvice
    let number: Int

    init(_ advice: RepeatAdvice, number: Int = 0) { (repeatAdvice, self.number) = (advice, number) }

    /// The call had no effect.
    static func harmless(_ number: Int = 0) -> Self { Self(.repeatable(), number: number) }
    /// What an open circuit says.
    static let openCircuit = Self(.pointless)
}

/// An error of somebody else, that says nothing.
struct ForeignError: Error, Hashable {
    var code = 0
}
