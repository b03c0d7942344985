import ConnectionPoolingTestKit
import Determinism
import Testing

@testable import ConnectionPooling

/// A pool of one connection in a state, and those who wait for it.
struct PoolScene {
    /// What a pool can be in; its connection's own events are in `EventMatrixTests`.
    enum State: CaseIterable {
        case empty
        /// A connection is being opened, for somebody or for nobody any more.
        case connecting, unwanted
        /// The first connect failed, and somebody waits for the pause to end.
        case failing
        /// The breaker is open; or finds out whether the host is back.
        case unreachable, probing
        /// A connection that may be handed out as it is, or that has to be validated, or that is.
        case idle, stale, validating
        /// It is held; somebody waits for it, or as many as may.
        case leased, queued, full
        case resetting, closing
        /// It was evicted while it was held.
        case evicted
        /// The same, with the end five seconds ahead.
        case drainingLeased, drainingQueued, drainingConnecting, drainingFailing, drainingClosing
        case stopping, finished

        /// The state it was in before it began to drain.
        var origin: Self {
            switch self {
            case .drainingLeased: .leased
            case .drainingQueued: .queued
            case .drainingConnecting: .connecting
            case .drainingFailing: .failing
            case .drainingClosing: .closing
            case .empty, .connecting, .unwanted, .failing, .unreachable, .probing, .idle, .stale, .validating,
                .leased, .queued, .full, .resetting, .closing, .evicted, .stopping, .finished:
                self
            }
        }
        var isDraining: Bool { origin != self }
        var isRunning: Bool { !isDraining && self != .stopping && self != .finished }
    }
    enum Event: CaseIterable {
        case lease, leaseForAnother, leaseTooLate, leaseReady, returnedQuietly, cancel, cancelStranger, share
        /// Time passes: none, the pause after a failure, until the end of draining, until the waiters' deadlines, for
        /// as long as a connection idles or is held, for as long as it lives.
        case tick, tickAfterPause, tickAtDrainEnd, tickAtDeadline, tickAtIdleTimeout, tickAtLifetime
        case evictAll, evictHost, evictOtherHost, evictGeneration, evictEarlierGeneration, evictLaterGeneration
        case replaceWithSame, replaceWithOther, replaceWithNone
        case shutdown, shutdownAtOnce
    }
    enum Phase { case running, draining, stopping, finished }
    /// What there is after an event, and what it came to.
    struct Outcome: Equatable {
        var phase = Phase.running
        var connecting = 0
        var idle = 0
        var validating = 0
        var leased = 0
        var resetting = 0
        var closing = 0
        var waiting = 0
        var generation: UInt64 = 0
        /// Each with its breaker and how many connections it has.
        var hosts: [String] = []
        var result = ""
        var actions: [String] = []

        var size: Int { connecting + idle + validating + leased + resetting + closing }
    }

    static let drain: Duration = .seconds(5)
    var bench: Bench
    /// Those who have waited, in their order.
    private var waiters: [WaiterID] = []
    private var lease = LeaseID(slot: 0, number: 99)

    init(_ state: State) throws {
        bench = Bench(limit: 1) {
            $0.queueLimit = 2
            $0.connecting.failureThreshold = 2
        }
        try setUp(state.origin)
        if state.isDraining { _ = bench.shutdown(within: Self.drain) }
        // So that what is due next is known, and has to be brought forward by whatever is due earlier.
        let actions = bench.tick()
        #expect(actions == [], "the set-up of \(state)")
    }

    private mutating func setUp(_ state: State) throws {
        switch state {
        case .empty: break
        case .connecting: _ = try wait()
        case .unwanted:
            _ = try wait()
            _ = bench.cancel(waiters.removeLast())
        case .failing: try fail(wait())
        case .unreachable, .probing:
            try fail(wait())
            bench.pass(.milliseconds(50))
            try fail(bench.tick())
            waiters = []
            guard state == .probing else { break }
            bench.pass(.milliseconds(100))
            _ = try wait()
        case .finished: _ = bench.shutdown()
        case .idle, .stale, .validating, .leased, .queued, .full, .resetting, .closing, .evicted, .stopping:
            lease = try bench.fill(1)[0]
            try setUpConnection(state)
        case .drainingLeased, .drainingQueued, .drainingConnecting, .drainingFailing, .drainingClosing:
            Issue.record("it is made of another")
        }
    }

    private mutating func setUpConnection(_ state: State) throws {
        switch state {
        case .idle: _ = bench.returned(lease)
        case .stale, .validating:
            _ = bench.returned(lease)
            bench.pass(.seconds(5))
            if state == .validating { _ = try wait() }
        case .queued: _ = try wait()
        case .full: for _ in 0..<2 { _ = try wait() }
        case .resetting: _ = bench.returned(lease, .dirty)
        case .closing: _ = bench.returned(lease, .broken)
        case .evicted: _ = bench.evict(.all)
        case .stopping: _ = bench.shutdown(within: .zero)
        default: break
        }
    }

    private mutating func wait() throws -> [PoolAction] {
        let leased = bench.lease()
        waiters.append(try leased.waiter)
        return leased.actions
    }

    /// The connect that was begun fails.
    private mutating func fail(_ actions: [PoolAction]) throws {
        let id = try #require(actions.connects.first)
        _ = bench.failed(id)
    }

    func outcome() -> Outcome {
        let snapshot = bench.snapshot
        var outcome = Outcome()
        outcome.phase =
            switch bench.machine.phase {
            case .running: .running
            case .draining: .draining
            case .stopping: .stopping
            case .finished: .finished
            }
        (outcome.connecting, outcome.idle, outcome.validating) = (
            snapshot.connecting, snapshot.idle, snapshot.validating
        )
        (outcome.leased, outcome.resetting, outcome.closing) = (snapshot.leased, snapshot.resetting, snapshot.closing)
        (outcome.waiting, outcome.generation) = (snapshot.waiting, snapshot.generation)
        outcome.hosts = bench.machine.hostSnapshots().map {
            "\($0.host) \($0.breaker) \($0.connections)\($0.isRetired ? " retired" : "")"
        }
        return outcome
    }

    mutating func happen(_ event: Event) -> Outcome {
        let (result, actions) = carryOut(event)
        var outcome = outcome()
        (outcome.result, outcome.actions) = (result, actions.map(name))
        return outcome
    }

    private mutating func carryOut(_ event: Event) -> (result: String, actions: [PoolAction]) {
        let generation = bench.snapshot.generation
        switch event {
        case .lease: return take(bench.lease())
        case .leaseForAnother: return take(bench.lease(5))
        case .leaseTooLate: return take(bench.lease(within: .zero))
        case .leaseReady: return (bench.machine.leaseReady(tenant: nil, now: bench.now) == nil ? "" : "granted", [])
        case .returnedQuietly: return ("\(bench.machine.returnedQuietly(lease, now: bench.now))", [])
        case .cancel: return ("", bench.cancel(waiters.first ?? WaiterID(index: 0, number: 99)))
        case .cancelStranger: return ("", bench.cancel(WaiterID(index: 0, number: 98)))
        case .share: return (bench.machine.share(of: nil).map { "\($0)" } ?? "", [])
        case .tick: return tick(after: .zero)
        case .tickAfterPause: return tick(after: .milliseconds(100))
        case .tickAtDrainEnd: return tick(after: Self.drain)
        case .tickAtDeadline: return tick(after: .seconds(10))
        case .tickAtIdleTimeout: return tick(after: .seconds(60))
        case .tickAtLifetime: return tick(after: .seconds(1_800))
        case .evictAll: return ("", bench.evict(.all))
        case .evictHost: return ("", bench.evict(.host("a")))
        case .evictOtherHost: return ("", bench.evict(.host("b")))
        case .evictGeneration: return ("", bench.evict(.generation(generation)))
        case .evictEarlierGeneration: return ("", bench.evict(.generation(generation &- 1)))
        case .evictLaterGeneration: return ("", bench.evict(.generation(generation + 1)))
        case .replaceWithSame: return replace(["a"])
        case .replaceWithOther: return replace(["b"])
        case .replaceWithNone: return replace([])
        case .shutdown: return ("", bench.shutdown(within: Self.drain))
        case .shutdownAtOnce: return ("", bench.shutdown(within: .zero))
        }
    }

    private mutating func take(_ leased: Bench.Leased) -> (result: String, actions: [PoolAction]) {
        let result =
            switch leased.outcome {
            case .granted: "granted"
            case .waits: "waits"
            case .refused(let reason): "refused \(reason)"
            }
        return (result, leased.actions)
    }
    private mutating func tick(after time: Duration) -> (result: String, actions: [PoolAction]) {
        bench.pass(time)
        return ("", bench.tick())
    }
    private mutating func replace(_ hosts: [HostKey]) -> (result: String, actions: [PoolAction]) {
        ("", Array(bench.machine.replaceHosts(hosts, now: bench.now)))
    }

    private func name(_ action: PoolAction) -> String {
        func number(_ waiter: WaiterID) -> String { waiters.firstIndex(of: waiter).map { "\($0 + 1)" } ?? "another" }
        return switch action {
        case .grant(let waiter, _, _): "grant \(number(waiter))"
        case .refuse(let waiter, let reason, _): "refuse \(number(waiter)) \(reason)"
        case .connect(_, let host): "connect \(host)"
        case .validate: "validate"
        case .reset: "reset"
        case .close(_, let reason): "close \(reason)"
        case .discard: "discard"
        case .reportLeak: "leak"
        case .breakerChanged(let host, let state): "\(host) \(state)"
        case .finish: "finish"
        }
    }
}
