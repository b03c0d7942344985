import CircuitBreaking
import RateLimiting
import Synchronization

/// A circuit breaker as the gate to the store of rate limits.
final class BreakerGate: StoreGate {
    private let circuit: CircuitBreaker
    private let tickets = Mutex<(next: UInt64, running: [UInt64: CallTicket])>((0, [:]))

    init(_ circuit: CircuitBreaker) { self.circuit = circuit }

    func admit() -> UInt64? {
        do throws(CircuitOpenError) {
            let ticket = try circuit.acquire().detached()
            return tickets.withLock { tickets in
                tickets.next += 1
                tickets.running[tickets.next] = ticket
                return tickets.next
            }
        } catch {
            return nil
        }
    }

    func succeeded(_ permit: UInt64) { record(permit, .success) }
    func failed(_ permit: UInt64) { record(permit, .failure()) }
    func abandoned(_ permit: UInt64) { record(permit, .ignored) }

    private func record(_ permit: UInt64, _ outcome: CallOutcome) {
        guard let ticket = tickets.withLock({ $0.running.removeValue(forKey: permit) }) else { return }
        circuit.record(ticket, outcome)
    }
}
