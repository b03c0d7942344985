import Determinism
import ProcessTestKit
import Synchronization
import Testing

@testable import SocketReactor

/// Tasks on the reactor's thread.
@Suite("The reactor's executor", .timeLimit(.minutes(1)))
struct ReactorExecutorTests {
    /// How often something happened.
    private final class Wakes: Sendable {
        private let number = Atomic(0)
        var count: Int { number.load(ordering: .acquiring) }
        func add() { number.add(1, ordering: .acquiringAndReleasing) }
    }

    /// Where tasks have been.
    private final class Threads: Sendable {
        private let seen = Mutex<Set<NativeThread.Identity>>([])
        var count: Int { seen.withLock { $0.count } }
        func note() { seen.withLock { _ = $0.insert(NativeThread.identity) } }
    }

    @Test("a task stays on the reactor's thread, with its children and after every wait")
    func staysThere() async throws {
        let reactor = try Reactor(time: SystemTime())
        defer { reactor.stop() }
        let threads = Threads()
        await withTaskExecutorPreference(reactor.executor) {
            await withTaskGroup(of: Void.self) { group in
                for _ in 0..<10 {
                    group.addTask {
                        for _ in 0..<10 {
                            threads.note()
                            await Task.yield()
                            // What resumes it is a thread of its own.
                            await withCheckedContinuation { continuation in
                                _ = reactor.connecting.run { continuation.resume() }
                            }
                        }
                        threads.note()
                    }
                }
            }
        }
        #expect(threads.count == 1)
    }

    @Test("its tasks keep no socket and no alarm from their turn")
    func sharesTheThread() async throws {
        final class Client: ReactorClient {
            let ticks = Wakes()
            let loop: ReactorLoop
            let time: any TimeSource
            init(_ loop: ReactorLoop, _ time: any TimeSource) { (self.loop, self.time) = (loop, time) }
            func ready(_ interest: Interest) {}
            func tick(now: Instant) {
                ticks.add()
                loop.arm(now + .milliseconds(1))
            }
            func reactorStopped() {}
        }
        let time = SystemTime()
        let reactor = try Reactor(time: time)
        defer { reactor.stop() }
        let client = Client(reactor.loop, time)
        _ = try #require(reactor.loop.enlist(client))
        reactor.loop.arm(time.instant())
        // Never idle: always one piece in the line.
        let busy = Task(executorPreference: reactor.executor) { while !Task.isCancelled { await Task.yield() } }
        try await Poll.untilTrue("three alarms") { client.ticks.count >= 3 }
        busy.cancel()
        await busy.value
    }

    @Test("whoever is not on its thread wakes it once for all that it has not taken")
    func wakes() async throws {
        let wakes = Wakes()
        let executor = ReactorExecutor { wakes.add() }
        var turn = ReactorExecutor.Turn()
        let ran = Wakes()
        let tasks = (0..<5).map { _ in Task(executorPreference: executor) { ran.add() } }
        #expect(wakes.count == 1 && !executor.isIdle(turn) && ran.count == 0)
        executor.runSome(&turn)
        #expect(ran.count == 5 && executor.isIdle(turn))
        let last = Task(executorPreference: executor) { ran.add() }
        #expect(wakes.count == 2 && !executor.isIdle(turn))
        executor.runSome(&turn)
        for task in tasks + [last] { await task.value }
        #expect(ran.count == 6)
    }

    @Test("a crowd is run in parts, so that sockets have their turns in between")
    func parts() async {
        let executor = ReactorExecutor {}
        var turn = ReactorExecutor.Turn()
        let ran = Wakes()
        let tasks = (0..<40).map { _ in Task(executorPreference: executor) { ran.add() } }
        var seen: [Int] = []
        while !executor.isIdle(turn) {
            executor.runSome(&turn)
            seen.append(ran.count)
        }
        #expect(seen == [16, 32, 40])
        for task in tasks { await task.value }
    }

    @Test("on its own thread nobody is woken")
    func here() async {
        let wakes = Wakes()
        let executor = ReactorExecutor { wakes.add() }
        let task = { () -> Task<Void, Never> in
            var turn = ReactorExecutor.Turn()
            executor.begin()
            let task = Task(executorPreference: executor) {}
            executor.runSome(&turn)
            return task
        }()
        #expect(wakes.count == 0)
        await task.value
    }

    @Test("what is in the line at the end, and what comes later, runs elsewhere")
    func theEnd() async {
        let executor = ReactorExecutor {}
        let before = Task(executorPreference: executor) {
            await Task.yield()
            return 1
        }
        executor.end(ReactorExecutor.Turn())
        let after = Task(executorPreference: executor) { 2 }
        #expect(await before.value + after.value == 3)
    }
}
