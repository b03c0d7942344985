import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Numbered moments around every durable write, at which a test can stop the process as a power cut would: SIGKILL, no
/// goodbye. Off unless `PANTRY_FAULT_POINT` or `PANTRY_FAULT_LOG` is set.
///
/// Each commit, of any database file, passes two points: before it and after it. `PANTRY_FAULT_POINT=N` stops at the
/// N-th after the server became ready, `start:N` at the N-th since it started. `PANTRY_FAULT_LOG=FILE` writes down
/// each point.
package final class FaultPoints: Sendable {
    private struct State {
        var isCounting: Bool
        var passed = 0
    }
    private let stopAt: Int?
    private let log: Int32?
    private let state: Mutex<State>

    /// nil when the environment asks for nothing.
    /// - Throws: ``AssemblyError`` for a value that is not a point.
    package init?(environment: [String: String]) throws(AssemblyError) {
        let point = environment["PANTRY_FAULT_POINT"]
        let file = environment["PANTRY_FAULT_LOG"]
        guard point != nil || file != nil else { return nil }
        var countsFromStart = false
        if let point {
            countsFromStart = point.hasPrefix("start:")
            guard let number = Int(countsFromStart ? point.dropFirst(6) : point[...]), number > 0 else {
                throw AssemblyError("PANTRY_FAULT_POINT “\(point)” is not a point: N or start:N, from 1 on")
            }
            stopAt = number
        } else {
            stopAt = nil
        }
        if let file {
            let descriptor = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
            guard descriptor >= 0 else { throw AssemblyError("PANTRY_FAULT_LOG “\(file)” cannot be written") }
            log = descriptor
        } else {
            log = nil
        }
        state = Mutex(State(isCounting: countsFromStart))
    }

    /// Points count from now on.
    package func serverIsReady() { state.withLock { $0.isCounting = true } }

    func observer(for database: String) -> @Sendable (CommitPhase) -> Void {
        { [self] phase in pass(database, phase) }
    }

    private func pass(_ database: String, _ phase: CommitPhase) {
        let number: Int? = state.withLock { state in
            guard state.isCounting else { return nil }
            state.passed += 1
            return state.passed
        }
        guard let number else { return }
        if let log {
            let line = Array("\(number) \(phase.rawValue) \(database)\n".utf8)
            _ = write(log, line, line.count)
        }
        if number == stopAt { kill(getpid(), SIGKILL) }
    }
}
