import Determinism
import Foundation
import ReplicaRouting
import Synchronization

// What a choice of a host costs, and a token. No server: the hosts' answers are made up, the choices are real.

/// A primary and replicas that have replayed everything.
struct SteadyProbe: ReplicaProbe {
    private func reading(_ host: HostIndex) -> HostReading {
        HostReading(
            systemIdentifier: 1, role: host.number == 0 ? .primary : .replica, timeline: .first,
            position: LSN(bytes: 1_000))
    }
    func read(_ host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> HostReading { reading(host) }
    func replayPosition(of host: HostIndex, timeout: Duration) async throws(ProbeFailure) -> LSN? { nil }
    func history(
        of timeline: Timeline, on host: HostIndex, timeout: Duration
    ) async throws(ProbeFailure) -> TimelineHistory { TimelineHistory(of: timeline) }
}

/// Nanoseconds of one call in the mean, the best of five rounds.
func measure(threads: Int, calls: Int, _ body: @escaping @Sendable () -> Void) -> Double {
    let time = SystemTime()
    return (0..<5).map { _ in
        let start = time.instant()
        DispatchQueue.concurrentPerform(iterations: threads) { _ in for _ in 0..<calls { body() } }
        return Double((time.instant() - start).inNanoseconds) / Double(calls)
    }.min() ?? 0
}

func line(_ what: String, _ nanoseconds: Double) {
    print("\(what.padding(toLength: 52, withPad: " ", startingAt: 0))\(String(format: "%8.0f ns", nanoseconds))")
}

let calls = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 1_000_000
for replicas in [2, 5] {
    let router = try ReplicaRouter(
        hosts: (0...replicas).map { ReplicaHost("host-\($0)") }, probe: SteadyProbe())
    let watching = Task { await router.run() }
    while (try? router.routeAtOnce(.eventual).isPrimary) ?? true { try await Task.sleep(for: .milliseconds(1)) }
    let position = ReadRequirement.position(LogPosition(.first, LSN(bytes: 900)))
    for threads in [1, 2] {
        let scope = "\(replicas) replicas, \(threads) thread\(threads == 1 ? "" : "s"): "
        for (name, requirement) in [("eventual", ReadRequirement.eventual), ("position", position)] {
            let cost = measure(threads: threads, calls: calls) {
                guard let route = try? router.routeAtOnce(requirement) else { fatalError("no route") }
                router.end(route, .served(latency: .microseconds(100)))
            }
            line(scope + "route and end, \(name)", cost)
        }
        line(scope + "route a write", measure(threads: threads, calls: calls) { _ = try? router.write() })
    }
    watching.cancel()
}

let keys = try ConsistencyTokenKeys(secrets: [1: Array(repeating: 7, count: 32)])
let audience = Array("org_01jd3v0000000000000000000".utf8)
let token = ConsistencyToken(
    ConsistencyToken.Entry(
        shard: "shard-0", epoch: 3, position: LogPosition(Timeline(2), LSN(bytes: 0x16_B374_D848))))
let text = keys.seal(token, for: audience)
line(
    "seal a token of \(text.utf8.count) bytes",
    measure(threads: 1, calls: calls / 10) { _ = keys.seal(token, for: audience) })
line("open it", measure(threads: 1, calls: calls / 10) { _ = try? keys.open(text, for: audience) })
