import Determinism
import DeterminismTestKit
import Logging
import PantryDomain
import RedisDriver
import Storage
import Synchronization
import Testing

@testable import PantryAssembly

/// Positions of sessions that two servers share through a store which may go away.
@Suite("Shared positions of sessions", .timeLimit(.minutes(1)))
struct SharedSessionPositionTests {
    private let time = ManualTime(start: Timestamp(microseconds: 1_780_000_000_000_000))
    private let store = ScriptedStore()
    private let session: SessionReference

    init() {
        session = SessionReference(
            organization: 1, id: SessionID(UUIDv7(high: 1, low: 1)), expiresAt: time.now() + .seconds(3_600))
    }

    private func server() -> SharedSessionPositions {
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let positions = SharedSessionPositions(time: time, logger: logger)
        positions.use(store)
        return positions
    }
    /// Two servers that have run for a while.
    private func servers() -> (SharedSessionPositions, SharedSessionPositions) {
        defer { time.advance(by: SessionPositionBook.settling) }
        return (server(), server())
    }
    private func position(_ offset: UInt64) -> SessionPosition {
        SessionPosition(epoch: 1, position: CommitPosition(timeline: 1, offset: offset), token: "\(offset)")
    }

    @Test func whatOneNotesTheOtherAsksFor() async {
        let (first, second) = servers()
        await first.note(position(1), of: session)
        #expect(await second.freshness(of: session) == .token("1"))
        await second.note(position(3), of: session)
        await first.note(position(2), of: session)
        for server in [first, second] { #expect(await server.freshness(of: session) == .token("3")) }
        await first.forget(session)
        #expect(await second.freshness(of: session) == .strong, "nothing is known")
    }

    @Test func aServerThatBeginsReadsAtThePrimaryForAWhile() async {
        let (first, _) = servers()
        await first.note(position(1), of: session)
        let late = server()
        #expect(await late.freshness(of: session) == .strong)
        time.advance(by: SessionPositionBook.settling)
        #expect(await late.freshness(of: session) == .token("1"))
    }

    @Test func whatIsMissingIsInDoubtUntilEveryReplicaHasIt() async {
        let (first, second) = servers()
        #expect(await first.freshness(of: session) == .strong)
        #expect(await second.freshness(of: session) == .strong, "marked")
        store.forgetMarks()
        #expect(await second.freshness(of: session) == .any)
        await first.note(position(1), of: session)
        #expect(await second.freshness(of: session) == .token("1"))
    }

    @Test func aWriteThatNobodyCanPlaceIsInDoubt() async {
        let (first, second) = servers()
        await first.note(position(1), of: session)
        await first.note(SessionPosition(epoch: 1, position: nil, token: "?"), of: session)
        #expect(await second.freshness(of: session) == .strong)
        store.forgetMarks()
        #expect(await second.freshness(of: session) == .token("1"))
    }

    @Test func withoutTheStoreAllReadAtThePrimaryAndNobodyWaitsForIt() async {
        let (first, second) = servers()
        await first.note(position(1), of: session)
        store.isAway(true)
        await first.note(position(2), of: session)
        #expect(await second.freshness(of: session) == .strong)
        let calls = store.calls
        for _ in 0..<5 {
            await first.note(position(3), of: session)
            #expect(await first.freshness(of: session) == .strong)
            #expect(await second.freshness(of: session) == .strong)
        }
        #expect(store.calls == calls, "nothing is asked of who does not answer")
        store.isAway(false)
        #expect(await first.freshness(of: session) == .strong, "nobody has found out yet")
        #expect(await first.catchUp())
        // The other one has come back to what the first had noted meanwhile.
        #expect(await second.catchUp())
        for server in [first, second] { #expect(await server.freshness(of: session) == .strong, "in doubt") }
        time.advance(by: SessionPositionBook.settling)
        for server in [first, second] { #expect(await server.freshness(of: session) == .token("3")) }
    }

    @Test func itFindsOutByItselfWhenTheStoreIsBack() async {
        let (first, second) = servers()
        let running = Task { await first.run() }
        store.isAway(true)
        await first.note(position(5), of: session)
        await eventually("it has tried") { time.sleeperCount == 1 }
        store.isAway(false)
        time.advance(by: SharedSessionPositions.retryPause)
        await eventually("it has noted") { store.kept == "5" }
        #expect(await second.freshness(of: session) == .token("5"))
        running.cancel()
        await running.value
    }

    @Test func aLostConnectionIsDoubtThoughNobodyAsked() async {
        let (first, _) = servers()
        await first.note(position(1), of: session)
        first.lost(0, RedisError(.connectionLost, .unknown, "test"))
        #expect(await first.freshness(of: session) == .strong)
        #expect(await first.catchUp())
        #expect(await first.freshness(of: session) == .strong, "it may have come back with what it knew long ago")
        time.advance(by: SessionPositionBook.settling)
        #expect(await first.freshness(of: session) == .token("1"))
    }

    @Test func aConnectionThatIsLostWhileItIsAskedIsNotBelieved() async {
        let (first, _) = servers()
        await first.note(position(1), of: session)
        store.whenLookedAt { first.lost(0, RedisError(.connectionLost, .unknown, "test")) }
        #expect(await first.freshness(of: session) == .strong)
    }

    @Test func aCallerWhoLeavesSaysNothingAboutTheStore() async {
        let (first, second) = servers()
        await first.note(position(1), of: session)
        store.failOnce(RedisError(.cancelled, .unknown, "test"))
        await first.note(position(2), of: session)
        #expect(await first.freshness(of: session) == .strong, "its own write is not noted yet")
        #expect(await first.catchUp())
        for server in [first, second] { #expect(await server.freshness(of: session) == .token("2")) }
    }

    @Test func positionsAreKeptAsLongAsTheSessionLasts() async {
        let (first, _) = servers()
        await first.note(position(1), of: session)
        #expect(store.lastLifetime == .seconds(3_600) - SessionPositionBook.settling)
        time.advance(by: .seconds(3_600))
        let calls = store.calls
        await first.note(position(2), of: session)
        #expect(store.calls == calls, "it has ended")
    }
}

/// One session's position, as the script in Redis keeps it.
private final class ScriptedStore: SessionPositionStore {
    private struct State {
        var position: SessionPosition?
        var isMarked = false
        var isAway = false
        var failure: RedisError?
        var calls = 0
        var lastLifetime: Duration?
        var whenLookedAt: (@Sendable () -> Void)?
    }
    private let state = Mutex(State())

    var calls: Int { state.withLock { $0.calls } }
    var kept: String? { state.withLock { $0.position?.token } }
    var lastLifetime: Duration? { state.withLock { $0.lastLifetime } }
    func isAway(_ value: Bool) { state.withLock { $0.isAway = value } }
    func failOnce(_ error: RedisError) { state.withLock { $0.failure = error } }
    func forgetMarks() { state.withLock { $0.isMarked = false } }
    func whenLookedAt(_ body: @escaping @Sendable () -> Void) { state.withLock { $0.whenLookedAt = body } }

    private func call() throws(RedisError) {
        let error: RedisError? = state.withLock { state in
            state.calls += 1
            defer { state.failure = nil }
            return state.failure ?? (state.isAway ? RedisError(.timeout, .unknown, "test") : nil)
        }
        if let error { throw error }
    }
    func keep(
        _ position: SessionPosition, of session: SessionReference, for time: Duration
    ) async throws(RedisError) {
        try call()
        state.withLock { state in
            state.lastLifetime = time
            if position.position == nil { state.isMarked = true }
            let kept = position.position == nil ? SessionPosition(epoch: 0, position: nil, token: "") : position
            if state.position.map({ $0 < kept }) ?? true { state.position = kept }
        }
    }
    func look(_ session: SessionReference) async throws(RedisError) -> KeptPosition {
        try call()
        state.withLock { $0.whenLookedAt }?()
        return state.withLock { state in
            guard let position = state.position else { return .missing }
            if state.isMarked { return .inDoubt }
            return position.token.isEmpty ? .nothing : .token(position.token)
        }
    }
    func remove(_ session: SessionReference) async throws(RedisError) {
        try call()
        state.withLock { ($0.position, $0.isMarked) = (nil, false) }
    }
    func probe() async throws(RedisError) { try call() }
}
