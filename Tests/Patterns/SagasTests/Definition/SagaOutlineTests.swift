import Determinism
import Storage
import Testing

@testable import Sagas

/// What a saga's row must fit, and what may change under it.
@Suite("SagaOutline")
struct SagaOutlineTests {
    private static let steps: [SagaOutline.Short] = [
        ("a", .local, .compensatable, .local), ("b", .external, .compensatable, .external),
        ("c", .external, .effectless, nil), ("p", .local, .pivot, nil), ("r", .external, .retriable, nil),
    ]
    private static let base = SagaOutline.sequence(steps)

    private func changed(_ index: Int, _ change: (inout SagaOutline.Short) -> Void) -> SagaOutline {
        var steps = Self.steps
        change(&steps[index])
        return .sequence(steps)
    }

    @Test func fingerprintIsTheSameForTheSameSteps() {
        #expect(SagaOutline.sequence(Self.steps).fingerprint == Self.base.fingerprint)
        // Stored in rows: another number here would make every stored saga a misfit.
        #expect(
            SagaOutline.sequence([("a", .local, .pivot, nil)]).fingerprint
                == fnv(["test", "a", "local", "pivot", "", "0"]))
    }

    /// FNV-1a of 64 bits over the texts, each closed by a unit separator; from the algorithm's description.
    private func fnv(_ texts: [String]) -> Int64 {
        var hash: UInt64 = 14_695_981_039_346_656_037
        for text in texts {
            for byte in Array(text.utf8) + [0x1F] { hash = (hash ^ UInt64(byte)) &* 1_099_511_628_211 }
        }
        return Int64(bitPattern: hash)
    }

    @Test func fingerprintChangesWithEverythingThatProgressDependsOn() {
        var prints: Set<Int64> = [Self.base.fingerprint]
        var count = 1
        func note(_ outline: SagaOutline, _ what: Comment) {
            count += 1
            #expect(prints.insert(outline.fingerprint).inserted, what)
        }
        for index in Self.steps.indices {
            note(changed(index) { $0.name += "x" }, "a name")
            note(changed(index) { $0.kind = $0.kind == .local ? .external : .local }, "a kind")
            note(changed(index) { $0.kind = .awaiting }, "waiting")
            note(changed(index) { $0.category = $0.category == .pivot ? .retriable : .pivot }, "a class")
            note(changed(index) { $0.undo = $0.undo == .local ? .external : .local }, "a compensation's kind")
            var fewer = Self.steps
            fewer.remove(at: index)
            note(.sequence(fewer), "a step less")
        }
        for index in 1..<Self.steps.count {
            var swapped = Self.steps
            swapped.swapAt(index - 1, index)
            note(.sequence(swapped), "a place")
        }
        note(changed(0) { $0.undo = nil }, "no compensation")
        note(.of([[[Self.steps[0]], [Self.steps[1]]]] + Self.steps[2...].map { [[$0]] }), "side by side")
        note(.of([[[Self.steps[0], Self.steps[1]]]] + Self.steps[2...].map { [[$0]] }), "one branch of two")
        #expect(prints.count == count)
        var renamed = SagaOutline(name: "other", version: 1)
        for step in Self.base.steps { renamed.stages.append(.step(renamed.add(step))) }
        #expect(renamed.fingerprint != Self.base.fingerprint, "the saga's name")
    }

    @Test func fingerprintDoesNotChangeWithPoliciesOrTheVersionsNumber() {
        var other = SagaOutline(name: "test", version: 2)
        for step in Self.base.steps {
            let policy = StepPolicy { ($0.attemptLimit, $0.deadline, $0.lockPatience) = (1, .seconds(1), .zero) }
            let changed = SagaOutline.Step(
                step.name, step.kind, step.category, compensation: step.compensation, policy: policy)
            other.stages.append(.step(other.add(changed)))
        }
        #expect(other.fingerprint == Self.base.fingerprint)
        #expect(other != Self.base)
    }

    @Test func buildersOutlineSaysWhatWasBuilt() {
        let local = SagaAction<Trip>.local(.careful(1, to: "x"))
        let external = SagaAction<Trip>.external { _, _ in .done(()) }
        let outline = Saga(Trip.self, "trip", version: 7)
            .compensatable("a", local, undo: external)
            .parallel(
                SagaBranch().compensatable("x1", external, undo: local).awaiting("x2", .signal("go")),
                SagaBranch(), SagaBranch().effectless("y", external)
            )
            .pivot("p", external)
            .awaiting("w", .timer { _ in .seconds(1) })
            .parallel(SagaBranch().retriable("r", local), SagaBranch().awaiting("s", .signal("end")))
            .definition.outline
        #expect(outline.name == "trip" && outline.version == 7)
        #expect(outline.steps.map(\.name) == ["a", "x1", "x2", "y", "p", "w", "r", "s"])
        #expect(
            outline.steps.map(\.kind)
                == [.local, .external, .awaiting, .external, .external, .awaiting, .local, .awaiting])
        #expect(
            outline.steps.map(\.category) == [
                .compensatable, .compensatable, .effectless, .effectless, .pivot, .retriable, .retriable, .retriable,
            ])
        #expect(outline.steps.map(\.compensation) == [.external, .local, nil, nil, nil, nil, nil, nil])
        #expect(
            outline.stages == [
                .step(0), .parallel([[1, 2], [3]]), .step(4), .step(5), .parallel([[6], [7]]),
            ], "a branch without steps is none")
        #expect(outline.position(of: "y") == 3 && outline.position(of: "z") == nil)
    }

    // MARK: registry

    private func definition(_ name: String, _ version: Int64, step: String = "a") -> AnySagaDefinition {
        AnySagaDefinition(Saga(Trip.self, name, version: version).pivot(step, .local(.careful(1, to: "a"))).definition)
    }

    @Test func registryFindsTheDefinitionThatFits() {
        let (first, second, other) = (definition("trip", 1), definition("trip", 2, step: "b"), definition("tour", 1))
        let registry = SagaRegistry([first, second, other])
        for served in [first, second, other] {
            let found = registry.definition(
                served.outline.name, version: served.outline.version, outline: served.outline.fingerprint)
            #expect(found?.outline == served.outline)
        }
        #expect(registry.all.count == 3)
        #expect(registry.definition("trip", version: 3, outline: first.outline.fingerprint) == nil)
        #expect(registry.definition("trip", version: 2, outline: first.outline.fingerprint) == nil, "the steps changed")
        #expect(registry.definition("trip", version: 1, outline: nil) == nil, "written by hand")
        #expect(registry.definition("none", version: 1, outline: first.outline.fingerprint) == nil)
        #expect(SagaRegistry([]).all.isEmpty)
    }

    @Test func misfitSaysWhichVersionIsMissing() {
        let id = SagaID(UUIDv7(time: Timestamp(microseconds: 1), slot: 1, random: 1))
        let ticket = SagaTicket(
            tenant: Tenant(organization: 1, epoch: 1), id: id, definition: "trip", subject: id.uuid, epoch: 1,
            mayHaveBeenCalled: false)
        let record = SagaRecord(
            organization: 1, id: id, definition: "trip", version: 4, subject: id.uuid, input: "{}", step: "a",
            now: Timestamp(microseconds: 1), lease: .zero)
        let misfit = SagaMisfit(record: record, ticket: ticket)
        #expect(misfit.definition == "trip" && misfit.version == 4)
        #expect(misfit.description.contains("“trip” version 4"))
        #expect(SagaMisfit(record: nil, ticket: ticket).description == "the saga “trip” is not in the database")
    }
}
