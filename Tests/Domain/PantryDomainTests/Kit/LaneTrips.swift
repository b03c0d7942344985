import DeterminismTestKit
import Storage

/// Notes how often each transaction of a lane went for rows.
final class LaneTrips: LaneObserver {
    let seen = Notes<Int>()

    func commandQueued(_ command: Any.Type) -> Mark? { nil }
    func commandEnded(_ mark: Mark, _ failure: LaneFailure?) {}
    func batchBegan(_ commands: [Mark?]) -> Mark? { 0 }
    func batchSettled(_ mark: Mark, _ report: BatchReport) { seen.note(report.trips) }
    func batchEnded(_ mark: Mark) {}
}
