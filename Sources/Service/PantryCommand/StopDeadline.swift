import Determinism
import Dispatch
import Foundation
import Logging
import ServiceLifecycle

/// Ends the process when it has not ended by itself in the time that it has for a stop: databases that do not answer
/// any more must not hold it, and whoever stops it (systemd, Kubernetes) would kill it a moment later.
///
/// Nothing is lost by that: what was acknowledged is synced, and the rest is found in the rows at the next start. It
/// waits on a queue of its own, which needs none of the threads that may be held up.
struct StopDeadline: Service {
    /// Counted from the signal.
    let limit: Duration
    let logger: Logger

    func run() async throws {
        do { try await gracefulShutdown() } catch { return }
        let patience = DispatchTimeInterval.nanoseconds(Int(limit.inNanoseconds))
        DispatchQueue.global(qos: .userInitiated).asyncAfter(deadline: .now() + patience) {
            logger.warning("the databases could not be closed within server.shutdownTimeout; ending without that")
            _exit(0)
        }
    }
}
