import Foundation
import Synchronization

/// How far long work has come, in one line of standard error; nothing where no one watches it on a terminal.
///
/// A line is written only when it would read differently, so that work in small steps may report each of them.
final class ProgressBar: Sendable {
    /// What is counted.
    enum Unit: Sendable {
        case bytes
        case items(String)
    }
    private struct State {
        var done: Int64 = 0
        var shown = ""
    }
    private static let width = 30
    private let title: String
    private let total: Int64?
    private let unit: Unit
    private let isVisible: Bool
    private let isColored: Bool
    private let state = Mutex(State())

    /// - Parameter total: nil when nobody knows how much there is to do.
    init(_ title: String, total: Int64?, unit: Unit, environment: [String: String] = ConfigurationOptions.environment) {
        (self.title, self.total, self.unit) = (title, total, unit)
        isVisible = isatty(STDERR_FILENO) == 1 && environment["TERM"] != "dumb"
        isColored = (environment["NO_COLOR"] ?? "").isEmpty
    }

    func advance(by count: Int64) { show { $0.done += count } }
    func set(_ done: Int64) { show { $0.done = done } }

    /// Takes the line away, for what is said next.
    func finish() {
        guard isVisible else { return }
        state.withLock { state in
            if !state.shown.isEmpty { Console.progress("\r\u{1B}[K") }
            state.shown = ""
        }
    }

    private func show(_ change: (inout State) -> Void) {
        state.withLock { state in
            change(&state)
            guard isVisible else { return }
            let line = line(state.done)
            guard line != state.shown else { return }
            state.shown = line
            Console.progress("\r\u{1B}[K\(line)")
        }
    }

    private func line(_ done: Int64) -> String {
        guard let total, total > 0 else { return "\(title)  \(amount(done))" }
        let share = min(1, Double(done) / Double(total))
        let filled = Int(share * Double(Self.width))
        let bar = String(repeating: "#", count: filled)
        let rest = String(repeating: ".", count: Self.width - filled)
        let painted = isColored ? "\u{1B}[32m\(bar)\u{1B}[0m" : bar
        return "\(title)  [\(painted)\(rest)] \(Int(share * 100))%  \(amount(done)) of \(amount(total))"
    }

    private func amount(_ count: Int64) -> String {
        switch unit {
        case .bytes: count < 1 << 20 ? "\(count >> 10) KiB" : "\(count >> 20) MiB"
        case .items(let name): "\(count) \(name)"
        }
    }
}
