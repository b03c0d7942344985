import CallPolicies
import CircuitBreaking
import Determinism
import DeterminismTestKit
import Testing

/// Breakers by name, never more than a limit.
@Suite("Registry", .timeLimit(.minutes(1)))
struct RegistryTests {
    private let time = ManualTime()

    private func registry(
        limit: Int, _ change: (inout CircuitBreakerConfiguration) -> Void = { _ in }
    ) throws -> CircuitBreakerRegistry {
        var configuration = CircuitBreakerConfiguration()
        change(&configuration)
        return try CircuitBreakerRegistry(
            limit: limit, configuration, timer: CallTimer(time: time), random: SeededRandom(seed: 1))
    }

    private func names(_ registry: CircuitBreakerRegistry) -> [String] { registry.snapshots.map(\.name) }

    @Test func oneNameIsOneBreaker() throws {
        let registry = try registry(limit: 10)
        #expect(registry.existing("bank") == nil)
        let bank = registry.breaker("bank")
        #expect(bank.name == "bank" && registry.breaker("bank") === bank && registry.existing("bank") === bank)
        #expect(registry.breaker("post") !== bank)
        #expect(names(registry) == ["bank", "post"] && registry.evictions == 0)
    }

    @Test func oneNamesFailuresAreNotAnothers() throws {
        let registry = try registry(limit: 10)
        registry.breaker("bank").open()
        #expect(throws: CircuitOpenError.self) { _ = try registry.breaker("bank").acquire() }
        try registry.breaker("post").acquire().record(.success)
    }

    @Test func thereAreNeverMoreThanTheLimit() throws {
        let registry = try registry(limit: 8)
        for number in 0..<500 {
            #expect(registry.breaker("\(number)").name == "\(number)")
            #expect(registry.snapshots.count == min(number + 1, 8))
        }
        #expect(registry.evictions == 492)
    }

    @Test func theOneThatWasAskedForLongestAgoMakesRoom() throws {
        let registry = try registry(limit: 3)
        for name in ["a", "b", "c"] { _ = registry.breaker(name) }
        for (name, left) in [("d", ["b", "c", "d"]), ("e", ["c", "d", "e"]), ("f", ["d", "e", "f"])] {
            _ = registry.breaker(name)
            #expect(names(registry) == left)
        }
    }

    @Test func thoseAskedForAgainAreSparedOnce() throws {
        let registry = try registry(limit: 3)
        for name in ["a", "b", "c", "a"] { _ = registry.breaker(name) }
        _ = registry.breaker("d")
        #expect(names(registry) == ["a", "c", "d"], "b was not asked for again")
        _ = registry.breaker("e")
        #expect(names(registry) == ["a", "d", "e"])
        _ = registry.breaker("f")
        #expect(names(registry) == ["d", "e", "f"], "nobody has asked for a since its second chance")
    }

    @Test func ifAllWereAskedForAgainOneMakesRoomNevertheless() throws {
        let registry = try registry(limit: 3)
        for name in ["a", "b", "c", "a", "b", "c"] { _ = registry.breaker(name) }
        #expect(registry.breaker("d").name == "d")
        #expect(names(registry) == ["b", "c", "d"])
    }

    @Test func theHotOnesStayUnderAFloodOfNames() throws {
        let registry = try registry(limit: 8)
        let hot = (0..<4).map { registry.breaker("hot \($0)") }
        for number in 0..<1_000 {
            for (index, breaker) in hot.enumerated() { #expect(registry.breaker("hot \(index)") === breaker) }
            _ = registry.breaker("cold \(number)")
        }
        #expect(registry.evictions == 996)
    }

    @Test func openOnesAndThoseInAnOperatorsHandsStay() throws {
        let registry = try registry(limit: 4)
        registry.breaker("open").open()
        registry.breaker("half-open").open()
        registry.breaker("half-open").tryNow()
        let probe = try registry.breaker("half-open").acquire()
        registry.breaker("forced").setMode(.forcedOpen)
        for number in 0..<50 { #expect(registry.breaker("\(number)").name == "\(number)") }
        #expect(names(registry) == ["49", "forced", "half-open", "open"])
        probe.record(.success)
    }

    /// A circuit that opened long ago and that nobody asks for any more would let the next call through: to keep it
    /// would fill the registry with what is of no use.
    @Test func openOnesGoWhenTheirWaitIsOver() throws {
        let registry = try registry(limit: 4)
        for name in ["a", "b", "c", "d"] { registry.breaker(name).open(for: .seconds(30)) }
        #expect(registry.breaker("e") === registry.overflow)
        time.advance(by: .seconds(30))
        #expect(registry.breaker("e").name == "e" && registry.evictions == 1)
    }

    @Test func ifNoneCanGoTheNameGetsOneThatLetsCallsThrough() throws {
        let registry = try registry(limit: 2)
        for name in ["a", "b"] { registry.breaker(name).open() }
        let overflow = registry.breaker("c")
        #expect(overflow === registry.overflow && registry.breaker("d") === overflow)
        for _ in 0..<100 { try overflow.acquire().record(.failure()) }
        #expect(overflow.snapshot.state == .closed && overflow.snapshot.totals.failures == 100)
        #expect(overflow.snapshot.mode == .disabled && registry.existing("c") == nil && registry.evictions == 0)
        registry.breaker("a").close()
        #expect(registry.breaker("c").name == "c")
        #expect(names(registry) == ["b", "c"])
    }

    @Test func whoHoldsAnEvictedOneGoesOnWithIt() throws {
        let registry = try registry(limit: 1)
        let held = registry.breaker("a")
        _ = registry.breaker("b")
        held.open()
        #expect(throws: CircuitOpenError.self) { _ = try held.acquire() }
        #expect(registry.existing("a") == nil)
        #expect(registry.breaker("a") !== held)
    }

    /// A trial of the settings for many names is a registry of breakers that only observe.
    @Test(arguments: [CircuitMode.observing, .disabled])
    func breakersInTheirConfiguredModeMakeRoom(mode: CircuitMode) throws {
        let registry = try registry(limit: 2) { $0.mode = mode }
        for number in 0..<10 { #expect(registry.breaker("\(number)").name == "\(number)") }
        registry.breaker("9").setMode(.automatic)
        for number in 10..<20 { _ = registry.breaker("\(number)") }
        #expect(names(registry) == ["19", "9"])
    }

    @Test func aLimitOfNoneIsOne() throws {
        let registry = try registry(limit: 0)
        #expect(registry.breaker("a").name == "a" && registry.snapshots.count == 1)
    }

    @Test func settingsThatCannotBeAreRefused() {
        #expect(throws: CircuitBreakerConfigurationError.self) { try registry(limit: 1) { $0.halfOpen.permits = 0 } }
    }

    @Test func manyTasksGetOneBreakerEach() async throws {
        let registry = try registry(limit: 16)
        let made = await withTaskGroup(of: [ObjectIdentifier: String].self) { group in
            for worker in 0..<8 {
                group.addTask {
                    let random = SeededRandom(seed: UInt64(worker))
                    var made: [ObjectIdentifier: String] = [:]
                    for _ in 0..<400 {
                        let name = "\(random.next(below: 12))"
                        made[ObjectIdentifier(registry.breaker(name))] = name
                    }
                    return made
                }
            }
            return await group.reduce(into: [ObjectIdentifier: String]()) { all, made in
                all.merge(made) { first, second in first == second ? first : "two names" }
            }
        }
        #expect(made.count == 12 && Set(made.values).count == 12)
    }
}
