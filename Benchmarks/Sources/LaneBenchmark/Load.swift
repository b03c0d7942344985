import Determinism
import Storage

/// Callers that each wait for their command's outcome before they send the next.
struct Load: Sendable {
    let lane: WriteLane
    let time: SystemTime
    let callers: Int
    /// 3 for products at random, 1 for the same product every time.
    let lines: Int

    /// What each command took, in nanoseconds; anything else than a placed one is a fault of the benchmark.
    func run(until deadline: Instant, named name: String) async -> [Int64] {
        await withTaskGroup(of: [Int64].self) { group in
            for caller in 0..<callers {
                group.addTask { await call(caller, until: deadline, named: name) }
            }
            return await group.reduce(into: []) { $0 += $1 }
        }
    }

    private func call(_ caller: Int, until deadline: Instant, named name: String) async -> [Int64] {
        let random = SeededRandom(seed: UInt64(caller) &* 77 &+ 5)
        let organization = LaneBenchmark.organization
        let tenant = Tenant(organization: organization, epoch: 1)
        var latencies: [Int64] = []
        var begin = time.instant()
        while begin < deadline {
            let first = lines == 1 ? 0 : Int(random.next(below: UInt64(LaneBenchmark.productCount - 2)))
            let command = ReservingCommand(
                organization: organization, scope: "\(name)-\(caller)-\(latencies.count)",
                id: UUIDv7(time: time.now(), slot: 1, random: random.next()),
                skus: (first..<first + lines).map { "p-\($0)" })
            do {
                let outcome = try await lane.submit(command, tenant: tenant, deadline: begin + .seconds(60))
                guard case .placed = outcome else { fatalError("a command was not placed: \(outcome)") }
            } catch { fatalError("a command failed: \(error)") }
            let end = time.instant()
            latencies.append((end - begin).inNanoseconds)
            begin = end
        }
        return latencies
    }
}
