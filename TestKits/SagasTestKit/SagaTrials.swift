import Sagas

/// Puts a saga through everything that can go wrong, each time in a world of its own.
///
///     let report = try await SagaTrials.run {
///         let bank = Bank()
///         return SagaTrial(transfer(through: bank), from: Transfer(amount: 10)) { end in
///             try bank.holds(whatBelongs(to: end.ending))
///         }
///     }
///     #expect(report.failures.isEmpty, "\(report)")
///
/// It is run once without a fault, and once with each of its local steps refusing: forward, and on every way back.
/// Then, on each of these ways, for each commit: not made; made, its answer lost; each with the worker going on, and
/// with the process dying. For each call, compensations among them: repeated, its answer lost, itself lost, not sent,
/// the process dying behind it, and its worker paused until another has ended the saga. The saga is canceled after each
/// number of commits; signals come early, twice and in another order. Every time the saga must end in one of the ways
/// that it may, the world must fit that, and a worker that was overtaken must have changed nothing.
public enum SagaTrials {
    /// All of it.
    /// - Parameter make: makes the saga and its world anew for each trial.
    public static func run<State: SagaState>(
        _ make: @Sendable () throws -> SagaTrial<State>
    ) async throws -> SagaTrialReport {
        var report = SagaTrialReport()
        let outline = try make().definition.outline
        for refusing in [nil] + outline.steps.filter({ $0.kind == .local }).map({ Optional($0.name) }) {
            let plain = SagaTrialRun(try make(), .none, refusing: refusing)
            await attempt(plain, &report)
            for affliction in afflictions(plain.counts) {
                await attempt(SagaTrialRun(try make(), affliction, refusing: refusing), &report)
            }
        }
        return report
    }

    private static func afflictions(_ counts: (commits: Int, calls: Int)) -> [Affliction] {
        var all: [Affliction] = [.signalsAtOnce]
        for commit in 0..<counts.commits {
            all.append(.cancel(after: commit + 1))
            for fate in Affliction.CommitFate.allCases {
                for crash in [false, true] { all.append(.commit(commit + 1, fate, crash: crash)) }
            }
        }
        for call in 0..<counts.calls {
            for fate in [SagaCallFate.repeated, .answerLost, .lost, .notSent] {
                all.append(.call(call + 1, fate, crash: false))
            }
            all.append(.call(call + 1, .made, crash: true))
            all.append(.pausedInCall(call + 1))
        }
        return all
    }

    private static func attempt<State: SagaState>(
        _ run: SagaTrialRun<State>, _ report: inout SagaTrialReport
    ) async {
        report.count += 1
        do {
            report.endings[try await run.run(), default: 0] += 1
            if run.wasSpared { report.spared += 1 } else { report.strikes[run.strike, default: 0] += 1 }
        } catch {
            report.failures.append(
                SagaTrialFailure(affliction: run.description, problem: "\(error)", history: await run.history()))
        }
    }
}
