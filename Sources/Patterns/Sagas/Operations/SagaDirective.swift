/// What an operator, or the saga's owner, decides about a saga.
public enum SagaDirective: Sendable, Hashable {
    /// Turn back: what is done is undone. Refused once the pivot is done, or may be.
    case cancel
    /// Try a stuck step, or a stuck compensation, again.
    case retry(step: String)
    /// Go on without a stuck step, or without its compensation.
    case skip(step: String)
    /// Go on as if a stuck step, or its compensation, had succeeded: somebody has done it by hand.
    case force(step: String)
    /// A stuck pivot has no effect, somebody has found out: turn back.
    case compensate(step: String)

    /// A directive without its step.
    public enum Verb: String, Sendable, CaseIterable {
        /// See ``SagaDirective/retry(step:)``.
        case retry
        /// See ``SagaDirective/skip(step:)``.
        case skip
        /// See ``SagaDirective/force(step:)``.
        case force
        /// See ``SagaDirective/compensate(step:)``.
        case compensate
        /// See ``SagaDirective/cancel``.
        case cancel
    }

    /// The directive with that verb about that step, which ``cancel`` has no use for.
    public init(_ verb: Verb, step: String) {
        switch verb {
        case .retry: self = .retry(step: step)
        case .skip: self = .skip(step: step)
        case .force: self = .force(step: step)
        case .compensate: self = .compensate(step: step)
        case .cancel: self = .cancel
        }
    }

    /// What is to be done. It is written into the saga's history.
    public var verb: Verb {
        switch self {
        case .cancel: .cancel
        case .retry: .retry
        case .skip: .skip
        case .force: .force
        case .compensate: .compensate
        }
    }

    /// With which step; nil where it is the whole saga.
    public var step: String? {
        switch self {
        case .cancel: nil
        case .retry(let step), .skip(let step), .force(let step), .compensate(let step): step
        }
    }

    /// What may be decided about the saga as it is: everything that would not be refused.
    public static func possible(for saga: SagaRecord, _ registry: SagaRegistry) -> [SagaDirective] {
        if saga.state.isEnded { return [] }
        // One that a worker written by hand knows can only be given back to it. Once a definition has adopted it, it
        // has a progress, though never an outline.
        guard let stored = saga.progress else { return saga.state == .stuck ? [.retry(step: saga.step)] : [] }
        guard let outline = registry.outline(of: saga), let progress = try? SagaProgress(stored: stored, outline)
        else { return [] }
        let machine = SagaProgressMachine(outline, progress)
        var possible: [SagaDirective] = []
        for verb in Verb.allCases {
            let steps = verb == .cancel ? [outline.steps[0].name] : outline.steps.map(\.name)
            for directive in steps.map({ SagaDirective(verb, step: $0) }) {
                var trial = machine
                guard let event = directive.event(outline) else { continue }
                // The moment is of no account: none of these events is put off.
                if trial.handle(event, at: saga.updatedAt) == .store { possible.append(directive) }
            }
        }
        return possible
    }

    /// What it means to the saga's progress; nil when the outline has no such step.
    func event(_ outline: SagaOutline) -> SagaProgressMachine.Event? {
        guard let name = step else { return .turnBack }
        guard let step = outline.position(of: name) else { return nil }
        return switch verb {
        case .cancel: .turnBack
        case .retry: .retry(step)
        case .skip: .skip(step)
        case .force: .force(step)
        case .compensate: .deny(step)
        }
    }
}

extension SagaRegistry {
    /// The outline that the saga began with; nil when no definition here has it.
    public func outline(of saga: SagaRecord) -> SagaOutline? {
        definition(saga.definition, version: saga.definitionVersion, outline: saga.outline)?.outline
    }
}
