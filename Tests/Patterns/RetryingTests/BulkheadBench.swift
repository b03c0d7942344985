import Determinism
import DeterminismTestKit
import Retrying

/// Bulkheads on a clock that stands still.
struct BulkheadBench {
    let time = ManualTime()
    let timer: CallTimer

    init() { timer = CallTimer(time: time) }

    func bulkhead(limit: Int, queue: Int = 0, longestWait: Duration = .seconds(10)) -> Bulkhead {
        Bulkhead(limit: limit, queue: queue, longestWait: longestWait, name: "stock", timer: timer)
    }
}
