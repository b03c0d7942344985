import Determinism
import Sagas
import Storage

/// The other side of the external steps: a database of its own, and a line to it on which one call in five goes wrong.
struct Participant: Sendable {
    let lane: WriteLane
    let random: any RandomSource
    private let time = SystemTime()

    init(lane: WriteLane, random: any RandomSource) { (self.lane, self.random) = (lane, random) }

    /// Makes the call of a step or of its compensation.
    /// - Parameters:
    ///   - refusals: how many calls in a hundred are refused for good, by their key.
    ///   - silences: how many calls in a hundred are never answered, by their key; some of them are carried out.
    func call(
        _ context: StepContext, refusals: UInt64 = 0, silences: UInt64 = 0
    ) async -> ExternalCallMachine<Void>.CallResult {
        let fate = (context.saga.uuid.low ^ UInt64(context.step.utf8.reduce(0) { $0 &* 31 &+ Int($1) })) % 100
        if fate < refusals { return .refused(code: "refused", reason: "by its key") }
        let result = await call(context)
        return fate < refusals + silences ? .unknown("it never answers") : result
    }

    private func call(_ context: StepContext) async -> ExternalCallMachine<Void>.CallResult {
        do { try await time.sleep(for: .milliseconds(Int64(5 + random.next(below: 40)))) } catch {
            return .notSent("canceled")
        }
        switch random.next(below: 100) {
        case ..<7: return .notSent("by chance")
        case ..<14: return .unknown("the call was lost")
        case ..<20:
            _ = await carryOut(context)
            return .unknown("the answer was lost")
        default: return await carryOut(context)
        }
    }

    private func carryOut(_ context: StepContext) async -> ExternalCallMachine<Void>.CallResult {
        do {
            // Not a child of the saga's task in any way that matters: what has been sent is not taken back.
            switch try await lane.submit(
                CarryOut(context: context), tenant: nil, deadline: time.instant() + .seconds(30))
            {
            case .proceed, .repeated, .nothingToUndo: return .done(())
            case .late: return .refused(code: "late", reason: "its compensation was here before")
            case .overtaken: return .unknown("a worker with a higher epoch was here")
            }
        } catch { return .unknown("\(error)") }
    }
}

/// What the participant does for a call, in one commit of its own.
private struct CarryOut: LaneCommand {
    let context: StepContext
    private var fence: ParticipantFence {
        ParticipantFence(organization: context.organization, forwardKey: context.forwardKey)
    }

    init(context: StepContext) { self.context = context }

    func needs(_ loaded: WorkingSet) -> [Need] { [fence.need, .row(Effect.key(context))] }
    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<ParticipantFence.Admission> {
        let admission =
            context.isCompensation
            ? fence.admitCompensation(epoch: context.epoch, in: &work, at: now)
            : fence.admitForward(epoch: context.epoch, in: &work, at: now)
        var effect = work[Effect.key(context)] ?? Effect(context)
        switch admission {
        case .proceed:
            if context.isCompensation { effect.undone += 1 } else { effect.applied += 1 }
            work.append(EffectEntry(effect, context.isCompensation ? "undone" : "applied", epoch: context.epoch))
        case .repeated: effect.repeated += 1
        case .overtaken: effect.overtaken += 1
        case .nothingToUndo, .late: break
        }
        work.put(effect)
        return .commit(admission)
    }
}
