import Determinism
import Logging
import PantryDomain
import RedisDriver
import Synchronization

/// Positions of sessions that servers share through a store which may go away. While it is, and for a while after it
/// has come back, the sessions' reads go to the primary.
final class SharedSessionPositions: SessionPositions, RedisObserver {
    /// Between two attempts to note what could not be.
    static let retryPause: Duration = .milliseconds(100)
    private let time: any TimeSource
    private let logger: Logger
    private let book: Mutex<SessionPositionBook>
    private let work = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// The store comes after what it tells about itself.
    private let store = Mutex<(any SessionPositionStore)?>(nil)

    init(time: any TimeSource, logger: Logger) {
        (self.time, self.logger) = (time, logger)
        book = Mutex(SessionPositionBook(at: time.instant()))
    }

    /// To be called once, before anything else.
    func use(_ store: any SessionPositionStore) { self.store.withLock { $0 = store } }

    /// Lets go of the store: its connections tell this about themselves, and hold on to it.
    func leave() { store.withLock { $0 = nil } }

    // MARK: for requests

    func note(_ position: SessionPosition, of session: SessionReference) async {
        if book.withLock({ $0.isAway }) { return postpone(position, of: session) }
        do { try await keep(position, of: session) } catch {
            postpone(position, of: session)
            heed(error)
        }
    }

    func freshness(of session: SessionReference) async -> SessionFreshness {
        guard let store = store.withLock({ $0 }), !isInDoubt(session) else { return .strong }
        do throws(RedisError) {
            let kept = try await store.look(session)
            // Its connection may have been lost and made again meanwhile, to a server that knows less.
            if isInDoubt(session) { return .strong }
            switch kept {
            case .missing:
                // Whatever was written before is on every replica after a while.
                await note(SessionPosition(epoch: 0, position: nil, token: ""), of: session)
                return .strong
            case .inDoubt: return .strong
            case .nothing: return .any
            case .token(let token): return .token(token)
            }
        } catch {
            heed(error)
            return .strong
        }
    }

    func forget(_ session: SessionReference) async {
        do throws(RedisError) { try await store.withLock({ $0 })?.remove(session) } catch { heed(error) }
    }

    private func isInDoubt(_ session: SessionReference) -> Bool {
        let now = time.instant()
        return book.withLock { $0.isInDoubt(session, at: now) }
    }

    private func keep(_ position: SessionPosition, of session: SessionReference) async throws(RedisError) {
        let left = Duration.microseconds(session.expiresAt.microseconds - time.now().microseconds)
        guard left > .zero else { return }
        try await store.withLock { $0 }?.keep(position, of: session, for: left)
    }

    private func postpone(_ position: SessionPosition, of session: SessionReference) {
        let now = time.instant()
        book.withLock { $0.postpone(position, of: session, at: now) }
        work.continuation.yield()
    }

    /// A caller who has left says nothing about the store.
    private func heed(_ error: RedisError) {
        if error.code != .cancelled { wentAway(error) }
    }

    private func wentAway(_ error: RedisError) {
        if book.withLock({ $0.storeWentAway() }) {
            logger.warning(
                "sessions read at their primaries: what they write cannot be noted", metadata: ["error": "\(error)"])
        }
        work.continuation.yield()
    }

    // MARK: for the store's connections

    func connected(_ connection: Int) {}
    func connectFailed(_ connection: Int, _ error: RedisError) { wentAway(error) }
    func lost(_ connection: Int, _ error: RedisError) { wentAway(error) }

    // MARK: beside requests

    /// Notes what could not be, and finds out when the store answers again, until the task is cancelled.
    func run() async {
        for await _ in work.stream {
            while !Task.isCancelled, await !catchUp() {
                guard (try? await time.sleep(for: Self.retryPause)) != nil else { return }
            }
        }
    }

    /// - Returns: whether nothing is left to do.
    func catchUp() async -> Bool {
        let now = time.instant()
        let due = book.withLock { $0.due(at: now) }
        do throws(RedisError) {
            for (session, position) in due {
                try await keep(position, of: session)
                book.withLock { $0.saved(position, of: session) }
            }
            if book.withLock({ $0.isAway }) { try await store.withLock { $0 }?.probe() }
        } catch {
            heed(error)
            return false
        }
        let answeredAt = time.instant()
        if book.withLock({ $0.storeAnswered(at: answeredAt) }) {
            logger.notice("sessions' writes are noted again")
        }
        return book.withLock { $0.isSettled }
    }
}
