/// Stands between a saga's engine and the code of its steps: for the test kit, which lets calls and decisions go wrong.
package protocol SagaInterposer: Sendable {
    /// What becomes of an external call, forward or of a compensation, that is about to be made.
    func fate(of call: StepContext) async -> SagaCallFate
    /// Whether a local step is refused instead of being decided.
    func refuses(_ step: StepContext) -> Bool
}

/// What becomes of a call.
package enum SagaCallFate: Sendable, Hashable {
    /// It is made.
    case made
    /// It is made twice, as when a message comes twice.
    case repeated
    /// It is made, and its answer is lost.
    case answerLost
    /// It is lost on its way, and nobody knows.
    case lost
    /// It is not sent.
    case notSent
}
