import Determinism
import ProcessTestKit
import Synchronization
import Testing

@testable import SocketReactor

#if canImport(Glibc)
    import Glibc

    private let streamSocket = Int32(SOCK_STREAM.rawValue)
#else
    import Darwin

    private let streamSocket = SOCK_STREAM
#endif

/// The event loop and what it is made of.
@Suite("The reactor", .serialized, .timeLimit(.minutes(1)))
struct ReactorTests {
    private final class Client: ReactorClient {
        let events = Mutex<[Interest]>([])
        let ticks = Mutex<[Instant]>([])
        let isStopped = Mutex(false)
        let descriptor: Int32

        init(_ descriptor: Int32) { self.descriptor = descriptor }
        func ready(_ interest: Interest) {
            var byte: UInt8 = 0
            if interest.contains(.read) { _ = read(descriptor, &byte, 1) }
            events.withLock { $0.append(interest) }
        }
        func tick(now: Instant) { ticks.withLock { $0.append(now) } }
        func reactorStopped() { isStopped.withLock { $0 = true } }
    }

    private static func pollers() -> [any Poller] {
        var pollers: [any Poller] = []
        if let poller = PollPoller() { pollers.append(poller) }
        #if os(Linux)
            if let poller = EpollPoller() { pollers.append(poller) }
        #endif
        return pollers
    }

    @Test func readinessAlarmsAndTheEnd() async throws {
        let pollers = Self.pollers()
        #expect(!pollers.isEmpty)
        for poller in pollers {
            var ends: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, streamSocket, 0, &ends) == 0)
            defer { for end in ends { close(end) } }
            let time = SystemTime()
            let reactor = try Reactor(poller: poller, time: time)
            let client = Client(ends[0])
            let ticket = try #require(reactor.loop.register(client, descriptor: ends[0]))
            var byte: UInt8 = 7
            #expect(write(ends[1], &byte, 1) == 1)
            try await Poll.untilTrue("the byte to be read") { client.events.withLock { $0 } == [.read] }
            reactor.loop.watch(ticket, descriptor: ends[0], for: [.read, .write])
            try await Poll.untilTrue("it to be writable") { client.events.withLock { $0.contains(.write) } }
            reactor.loop.watch(ticket, descriptor: ends[0], for: .read)

            let soon = time.instant() + .milliseconds(30)
            reactor.loop.arm(time.instant() + .seconds(60))
            reactor.loop.arm(soon)
            try await Poll.untilTrue("the alarm") { client.ticks.withLock { !$0.isEmpty } }
            #expect(client.ticks.withLock { $0[0] } >= soon)

            reactor.loop.remove(ticket, descriptor: ends[0])
            let count = client.events.withLock { $0.count }
            #expect(write(ends[1], &byte, 1) == 1)
            // Somebody else in its place hears of its own socket only.
            var others: [Int32] = [0, 0]
            #expect(socketpair(AF_UNIX, streamSocket, 0, &others) == 0)
            defer { for end in others { close(end) } }
            let other = Client(others[0])
            _ = try #require(reactor.loop.register(other, descriptor: others[0]))
            #expect(write(others[1], &byte, 1) == 1)
            try await Poll.untilTrue("the other to be told") { other.events.withLock { $0 } == [.read] }
            #expect(client.events.withLock { $0.count } == count)

            reactor.stop()
            try await Poll.untilTrue("the end to be told") { other.isStopped.withLock { $0 } }
            #expect(client.isStopped.withLock { !$0 })
            #expect(reactor.loop.register(client, descriptor: ends[0]) == nil)
        }
    }

    @Test func blockingCallsAreBounded() async throws {
        let threads = BlockingThreads(threads: 2, line: 3)
        let gate = Mutex(false)
        let (running, done) = (Counter(), Counter())
        var accepted = 0
        for _ in 0..<8 {
            let isAccepted = threads.run {
                running.add()
                while !gate.withLock({ $0 }) { sched_yield() }
                done.add()
            }
            if isAccepted { accepted += 1 }
        }
        #expect(accepted == 5, "two run, three wait")
        try await Poll.untilTrue("two to run") { running.value == 2 }
        gate.withLock { $0 = true }
        try await Poll.untilTrue("all to be done") { done.value == 5 }
    }

    private final class Counter: Sendable {
        private let count = Atomic<Int>(0)
        var value: Int { count.load(ordering: .acquiring) }
        func add() { count.wrappingAdd(1, ordering: .acquiringAndReleasing) }
    }

    @Test(arguments: 0..<50)
    func aRingIsAQueue(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        var ring = RingQueue<Int>()
        var model: [Int] = []
        for step in 0..<500 {
            switch random.next(below: 7) {
            case 0, 1, 2:
                ring.append(step)
                model.append(step)
            case 3:
                ring.prepend(step)
                model.insert(step, at: 0)
            case 4:
                ring.updateFirst { $0 += 1_000 }
                if !model.isEmpty { model[0] += 1_000 }
            case 5 where random.next(below: 10) == 0:
                let removed = ring.removeAll { $0 % 3 == 0 }
                #expect(removed == model.filter { $0 % 3 == 0 })
                model.removeAll { $0 % 3 == 0 }
            default: #expect(ring.popFirst() == (model.isEmpty ? nil : model.removeFirst()))
            }
            #expect(Array(ring) == model)
            #expect(ring.count == model.count && ring.first == model.first)
        }
    }
}
