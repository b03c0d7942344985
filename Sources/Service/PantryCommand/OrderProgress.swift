import Determinism
import Foundation
import PantryReplay
import Synchronization

/// How far long work has come, on standard error: a bar that is drawn over itself on a terminal, a few plain lines
/// elsewhere. Whoever does the work tells it; it has no timer of its own.
final class OrderProgress: Sendable {
    private struct State {
        var done = 0
        var drawn: Instant?
        var quarter = 0
        var isShown = false
    }
    private let title: String
    private let unit: String
    private let total: Int?
    private let time: any TimeSource
    private let start: Instant
    private let state = Mutex(State())

    /// - Parameters:
    ///   - unit: what is counted, in the plural.
    ///   - total: how many there will be, if that is known.
    init(_ title: String, unit: String, total: Int?, time: any TimeSource) {
        (self.title, self.unit, self.total, self.time, start) = (title, unit, total, time, time.instant())
    }

    /// One more is done.
    func advance() {
        let now = time.instant()
        state.withLock { state in
            state.done += 1
            if Terminal.errorIsInteractive {
                // Ten pictures a second are enough for anybody.
                guard state.drawn.map({ now - $0 >= .milliseconds(100) }) ?? true else { return }
                state.drawn = now
                state.isShown = true
                Console.progress("\r\u{1B}[K" + line(state.done, now))
            } else if let total, total >= 100, state.done * 4 / total > state.quarter {
                state.quarter = state.done * 4 / total
                Console.error(line(state.done, now))
            }
        }
    }

    /// Takes the bar away.
    func finish() {
        state.withLock { state in
            guard state.isShown else { return }
            state.isShown = false
            Console.progress("\r\u{1B}[K")
        }
    }

    private func line(_ done: Int, _ now: Instant) -> String {
        let seconds = Double((now - start).inMicroseconds) / 1e6
        let rate = seconds > 0 ? DemoSummary.grouped(Int64(Double(done) / seconds)) : "0"
        let elapsed = DemoSummary.rounded(seconds, 1)
        guard let total else { return "\(title)  \(DemoSummary.grouped(Int64(done)))  \(rate) \(unit)/s  \(elapsed) s" }
        let count = "\(DemoSummary.grouped(Int64(done))) of \(DemoSummary.grouped(Int64(total)))"
        guard Terminal.errorIsInteractive else { return "\(title): \(count), \(rate) \(unit)/s, \(elapsed) s" }
        let full = 24 * min(done, total) / max(total, 1)
        let bar = String(repeating: "█", count: full) + String(repeating: "░", count: 24 - full)
        return "\(title)  \(bar)  \(count)  \(rate) \(unit)/s  \(elapsed) s"
    }
}

/// What the two streams are connected with.
enum Terminal {
    static var errorIsInteractive: Bool { isatty(STDERR_FILENO) == 1 && !isDumb }

    /// Colors: on a terminal, unless NO_COLOR says otherwise.
    static var outputStyle: TextStyle {
        let isUnwanted = !(ConfigurationOptions.environment["NO_COLOR"] ?? "").isEmpty
        return TextStyle(isColored: isatty(STDOUT_FILENO) == 1 && !isDumb && !isUnwanted)
    }

    private static var isDumb: Bool { ConfigurationOptions.environment["TERM"] == "dumb" }
}
