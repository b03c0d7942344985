@testable import Sagas

extension SagaOutline {
    /// A step in short: its name, kind, class, and how its compensation works.
    typealias Short = (name: String, kind: Kind, category: Class, undo: Kind?)
    /// One place in the sequence: branches of steps; a single branch of a single step is no parallel part.
    typealias Part = [[Short]]

    /// An outline of these parts.
    static func of(_ parts: [Part]) -> SagaOutline {
        var outline = SagaOutline(name: "test", version: 1)
        for branches in parts {
            let positions = branches.map { branch in
                branch.map { step in
                    outline.add(
                        Step(step.name, step.kind, step.category, compensation: step.undo, policy: StepPolicy()))
                }
            }
            if positions.count == 1, positions[0].count == 1 {
                outline.stages.append(.step(positions[0][0]))
            } else {
                outline.stages.append(.parallel(positions))
            }
        }
        return outline
    }

    /// Steps one after the other.
    static func sequence(_ steps: [Short]) -> SagaOutline { of(steps.map { [[$0]] }) }

    /// The small outlines that are walked through; in their order of names.
    static let small: [SagaOutline] = [
        // Local and external steps, each with either kind of compensation.
        sequence([
            ("a", .local, .compensatable, .external), ("b", .external, .compensatable, .local),
            ("check", .external, .effectless, nil), ("p", .external, .pivot, nil), ("r", .external, .retriable, nil),
        ]),
        // Without a pivot.
        sequence([
            ("a", .external, .compensatable, .external), ("wait", .awaiting, .effectless, nil),
            ("b", .local, .compensatable, .local),
        ]),
        // Branches before the pivot, of different lengths.
        of([
            [[("a", .local, .compensatable, .local)]],
            [
                [("x1", .external, .compensatable, .external), ("x2", .local, .compensatable, .local)],
                [("y1", .external, .effectless, nil)],
            ],
            [[("p", .local, .pivot, nil)]],
        ]),
        // Branches after it.
        of([
            [[("a", .external, .compensatable, .local)]], [[("p", .external, .pivot, nil)]],
            [
                [("x", .external, .retriable, nil)],
                [("y1", .local, .retriable, nil), ("y2", .awaiting, .retriable, nil)],
            ],
        ]),
        // Branches are all there is.
        of([
            [
                [("x", .external, .compensatable, .external)], [("y", .external, .compensatable, .local)],
                [("z", .local, .compensatable, .external)],
            ]
        ]),
    ]

    /// The steps that must be finished before this one, by the places in the sequence alone.
    func predecessors(of step: Int) -> Set<Int> {
        var before: Set<Int> = []
        for stage in stages {
            let branches: [[Int]] =
                switch stage {
                case .step(let only): [[only]]
                case .parallel(let branches): branches
                }
            for branch in branches {
                if let place = branch.firstIndex(of: step) { return before.union(branch[..<place]) }
            }
            before.formUnion(branches.joined())
        }
        return before
    }
}
