import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

/// Every event in every state of a connection, in every phase of a pool: what belongs to the state has its effect, what
/// does not changes nothing, and nothing traps.
@Suite("Every event in every state")
struct EventMatrixTests {
    enum State: CaseIterable { case free, connecting, idle, validating, leased, resetting, closing }
    enum Event: CaseIterable {
        case connected, connectFailed, alive, failed, timedOut, resetClean, resetDirty, returnedClean, returnedDirty
        case returnedBroken, lost, closed
    }
    enum Effect: Hashable { case grant, refuse, connect, validate, reset, close, discard, leak, breaker, finish }

    /// A pool of one connection in that state; somebody waits only where the state takes it.
    private func bench(in state: State) throws -> (bench: Bench, id: ConnectionID, lease: LeaseID) {
        var bench = Bench(limit: 1) { $0.connecting.failureThreshold = 100 }
        let first = bench.lease()
        let id = try #require(first.actions.connects.first)
        if state == .connecting {
            _ = bench.cancel(try first.waiter)
            return (bench, id, LeaseID(slot: 0, number: 1))
        }
        let lease = try #require(bench.connected(id).grants.first?.1)
        switch state {
        case .leased, .connecting: break
        case .idle: _ = bench.returned(lease)
        case .resetting: _ = bench.returned(lease, .dirty)
        case .closing: _ = bench.returned(lease, .broken)
        case .free:
            _ = bench.returned(lease, .broken)
            _ = bench.closed(id)
        case .validating:
            _ = bench.returned(lease)
            bench.pass(.seconds(5))
            #expect(bench.lease().actions.validations == [id])
        }
        return (bench, id, lease)
    }

    private func happen(_ event: Event, _ bench: inout Bench, _ id: ConnectionID, _ lease: LeaseID) -> [PoolAction] {
        switch event {
        case .connected: bench.connected(id)
        case .connectFailed: bench.failed(id)
        case .alive: bench.validated(id, .alive)
        case .failed: bench.validated(id, .failed)
        case .timedOut: bench.validated(id, .timedOut)
        case .resetClean: bench.wasReset(id, isClean: true)
        case .resetDirty: bench.wasReset(id, isClean: false)
        case .returnedClean: bench.returned(lease, .clean)
        case .returnedDirty: bench.returned(lease, .dirty)
        case .returnedBroken: bench.returned(lease, .broken)
        case .lost: bench.lost(id)
        case .closed: bench.closed(id)
        }
    }

    private func effects(_ actions: [PoolAction]) -> [Effect] {
        actions.map {
            switch $0 {
            case .grant: .grant
            case .refuse: .refuse
            case .connect: .connect
            case .validate: .validate
            case .reset: .reset
            case .close: .close
            case .discard: .discard
            case .reportLeak: .leak
            case .breakerChanged: .breaker
            case .finish: .finish
            }
        }
    }

    /// What belongs together; all else changes nothing.
    private func expected(_ state: State, _ event: Event) -> [Effect] {
        switch (state, event) {
        case (.connecting, .connected): []
        case (_, .connected): [.discard]
        case (.idle, .lost): [.close]
        case (.validating, .alive): [.grant]
        case (.validating, .failed), (.validating, .timedOut): [.close]
        case (.leased, .returnedDirty): [.reset]
        case (.leased, .returnedBroken), (.resetting, .resetDirty): [.close]
        default: []
        }
    }

    /// The state that the pair leads to, as the snapshot shows it: one connection, or none.
    private func size(after state: State, _ event: Event) -> Int {
        switch (state, event) {
        case (.free, _), (.closing, .closed), (.connecting, .connectFailed): 0
        default: 1
        }
    }

    @Test("has its effect or none", arguments: State.allCases, Event.allCases)
    func pair(state: State, event: Event) throws {
        var (bench, id, lease) = try bench(in: state)
        let actions = happen(event, &bench, id, lease)
        #expect(effects(actions) == expected(state, event))
        #expect(bench.snapshot.size == size(after: state, event))
        #expect(bench.machine.inconsistencies() == [])
    }

    /// Two events in a row, then the end of everything: whatever came before, the pool finishes and nothing is left.
    @Test("leads to an end", arguments: State.allCases, Event.allCases)
    func everythingEnds(state: State, event: Event) throws {
        for second in Event.allCases {
            for isHard in [false, true] {
                var (bench, id, lease) = try bench(in: state)
                _ = happen(event, &bench, id, lease)
                _ = happen(second, &bench, id, lease)
                var actions = bench.shutdown(within: isHard ? .zero : .seconds(1))
                _ = happen(event, &bench, id, lease)
                #expect(bench.lease().outcome == .refused(.shutDown))
                var closes = actions.closes.count { $0 == id }
                for _ in 0..<4 where !actions.contains(.finish) {
                    bench.pass(.seconds(1))
                    actions = bench.tick()
                    closes += actions.closes.count { $0 == id }
                    actions += bench.closed(id)
                }
                let snapshot = bench.snapshot
                #expect(snapshot.size == 0 && snapshot.waiting == 0, "\(state), \(event), \(second): \(snapshot)")
                #expect(closes <= 1)
                #expect(bench.machine.inconsistencies() == [])
                for event in Event.allCases where event != .connected {
                    #expect(happen(event, &bench, id, lease) == [], "\(event) after the end")
                }
                #expect(bench.tick() == [] && bench.evict(.all) == [])
            }
        }
    }

    @Test("that names what never was changes nothing", arguments: Event.allCases)
    func strangersAreIgnored(event: Event) throws {
        for slot in [-1, 0, 1, 7, Int.max] {
            var (bench, _, _) = try bench(in: .idle)
            let id = ConnectionID(slot: slot, number: 99)
            let actions = happen(event, &bench, id, LeaseID(slot: slot, number: 99))
            #expect(actions == (event == .connected ? [.discard(id)] : []))
            #expect(bench.cancel(WaiterID(index: slot, number: 99)) == [])
            #expect(bench.snapshot.idle == 1 && bench.machine.inconsistencies() == [])
        }
    }
}
