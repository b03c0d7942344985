import Determinism

/// What is done once the lock is dropped: continuations to resume, and what the observer is told. Most events need none
/// of it, or one continuation; neither allocates.
struct PoolEffects {
    enum Report {
        case leased(TenantKey?, waited: Duration)
        case refused(TenantKey?, PoolRefusal, waited: Duration)
        case closed(HostKey, CloseReason)
        case breakerChanged(HostKey, BreakerState)
        case leak(LeakReport)
    }
    private typealias Resumption = (continuation: UnsafeContinuation<PoolCore.Answer, Never>, answer: PoolCore.Answer)
    private var first: Resumption?
    private var rest: [Resumption] = []
    private var reports: [Report] = []
    var wakeJobs: UnsafeContinuation<Void, Never>?
    var wakeTimer: UnsafeContinuation<Void, Never>?

    mutating func resume(_ continuation: UnsafeContinuation<PoolCore.Answer, Never>, _ answer: PoolCore.Answer) {
        if first == nil { first = (continuation, answer) } else { rest.append((continuation, answer)) }
    }

    mutating func report(_ report: Report) { reports.append(report) }

    func run(_ observer: (any PoolObserver)?) {
        first.map { $0.continuation.resume(returning: $0.answer) }
        for (continuation, answer) in rest { continuation.resume(returning: answer) }
        wakeJobs?.resume()
        wakeTimer?.resume()
        guard let observer, !reports.isEmpty else { return }
        for report in reports {
            switch report {
            case .leased(let tenant, let waited): observer.leased(tenant: tenant, waited: waited)
            case .refused(let tenant, let reason, let waited):
                observer.refused(tenant: tenant, reason: reason, waited: waited)
            case .closed(let host, let reason): observer.closed(host: host, reason: reason)
            case .breakerChanged(let host, let breaker): observer.breakerChanged(host: host, state: breaker)
            case .leak(let leak): observer.leakSuspected(leak)
            }
        }
    }
}
