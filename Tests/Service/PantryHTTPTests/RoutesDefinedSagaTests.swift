import Determinism
import DeterminismTestKit
import Foundation
import PantryDomain
import Sagas
import Storage
import StrictJSON
import Testing

@testable import PantryHTTP

/// Sagas that an engine runs by a definition: their steps are known, and so is what may be decided about each.
@Suite("Routes: defined sagas for operators", .timeLimit(.minutes(2)))
struct RoutesDefinedSagaTests {
    private struct Parcel: SagaState, Codable { var notes: [String] = [] }

    /// A parcel of which nobody knows whether it has been sent.
    private static func definition() -> SagaDefinition<Parcel> {
        let policy = StepPolicy {
            $0.attemptLimit = 1
            ($0.calls.pause, $0.calls.longestPause) = (.milliseconds(1), .milliseconds(1))
        }
        return Saga(Parcel.self, "ship", version: 3)
            .compensatable("pack", .local { _, _, _ in .done }, undo: .local { _, _, _ in .done }) { _ in ["dock"] }
            .pivot("send", .external { _, _ in .unknown("no answer") }, policy: policy)
            .retriable("mail", .local { _, _, _ in .done }).definition
    }

    /// Runs `body` with a saga of that definition that is stuck at `send`.
    private func withStuckSaga(_ body: @Sendable (TestPantry, SagaID) async throws -> Void) async throws {
        let definition = Self.definition()
        try await withPantry(definitions: [AnySagaDefinition(definition)]) { pantry in
            let admin = try await pantry.organization()
            let id = try #require(OrganizationID(try await admin.get("/v1/organization").text("id")))
            let number = try await pantry.services.organizations.number(of: id)
            let (time, random) = (SystemTime(), SystemRandom())
            func newID() -> UUIDv7 {
                UUIDv7(time: time.now(), slot: Slot.of(organization: number), random: random.next())
            }
            let worker = SagaWorkerID(newID())
            let registry = SagaRegistry([AnySagaDefinition(definition)])
            let runtime = SagaRuntime(
                registry: registry, lane: pantry.shard.lane,
                stores: .sql(
                    pantry.shard.database, lane: pantry.shard.lane, serving: registry, worker: worker, time: time,
                    sharedBy: .process(time)),
                worker: worker, reportTrouble: { Issue.record("\($0)") })
            let saga = SagaID(newID())
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { await runtime.run() }
                await eventually("the runtime has its lease") { runtime.hasRoom }
                let report = try await runtime.run(
                    definition, id: saga, for: Tenant(organization: number, epoch: 1), about: newID(), Parcel(),
                    until: time.instant() + .seconds(20))
                #expect(report?.state == .stuck)
                runtime.stop()
                try await group.waitForAll()
            }
            try await body(pantry, saga)
        }
    }

    @Test("its steps, locks and choices are shown")
    func shown() async throws {
        try await withStuckSaga { pantry, saga in
            let shown = try await pantry.asOperator.get("/ops/sagas/\(saga)")
            #expect(shown["definition"] == "ship" && shown["version"] == 3 && shown["status"] == "stuck")
            let steps = (shown["steps"]?.array ?? []).compactMap(\.object)
            #expect(steps.map { $0["step"] } == ["pack", "send", "mail"])
            #expect(steps.map { $0["status"] } == ["done", "stuck", "pending"])
            #expect(shown["allowed"] == ["retry", "skip", "force", "compensate"])
            #expect(steps.map { $0["allowed"] } == [[], ["retry", "skip", "force", "compensate"], []])
            let locks = (shown["locks"]?.array ?? []).compactMap(\.object)
            #expect(locks.map { $0["resource"] } == ["dock"])
            #expect(locks.first?["isHeld"] == true && locks.first?["holder"]?.string == saga.description)
            let listed = try await pantry.asOperator.get("/ops/sagas?status=stuck&definition=ship")
            #expect(listed.items.map { $0.object?["id"]?.string } == [saga.description])
        }
    }

    @Test(
        "each verb does what it says",
        arguments: [
            ("retry", "running", "intended"), ("skip", "running", "skipped"), ("force", "running", "done"),
            ("compensate", "compensating", "void"),
        ])
    func verbs(verb: String, status: String, step: String) async throws {
        try await withStuckSaga { pantry, saga in
            let path = "/ops/sagas/\(saga)"
            let refused = try await pantry.asOperator.send("POST", "\(path)/cancel", #"{"reason":"x"}"#)
            #expect(refused.status == 409 && refused["allowed"] == ["retry", "skip", "force", "compensate"])
            let wrong = try await pantry.asOperator.send(
                "POST", "\(path)/\(verb)", #"{"reason":"x","step":"pack"}"#)
            #expect(wrong.status == 422 && wrong.faults == ["/step wrong-step"])
            let done = try await pantry.asOperator.send("POST", "\(path)/\(verb)", #"{"reason":"asked them"}"#)
            #expect(done.status == 200 && done["status"]?.string == status, "\(done.response.body)")
            let shown = try await pantry.asOperator.get(path)
            let steps = (shown["steps"]?.array ?? []).compactMap(\.object)
            #expect(steps.first { $0["step"] == "send" }?["status"]?.string == step)
            let history = (shown["history"]?.array ?? []).compactMap(\.object)
            #expect(history.first { $0["event"] == "directed" }?["detail"]?.string == "\(verb) by operator: asked them")
        }
    }
}
