/// What a worker brings to a saga's next commit.
enum SagaMove<State: SagaState>: Sendable {
    /// Nothing but itself: intents are written, waiting steps looked at, the end is found.
    case look
    /// The step is local, and is to be decided now.
    case local(Int)
    /// The external step came to this.
    case finished(Int, ExternalOutcome<State>)
    /// The compensation is local, and is to be decided now.
    case localUndo(Int)
    /// The external compensation came to this.
    case finishedUndo(Int, ExternalOutcome<State>)

    var step: Int? {
        switch self {
        case .look: nil
        case .local(let step), .finished(let step, _), .localUndo(let step), .finishedUndo(let step, _): step
        }
    }
}
