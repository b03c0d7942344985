import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Synchronization
import Testing

/// A pool that runs while a test looks at it. Afterwards every connection must have been closed exactly once, and
/// used by one holder at a time.
func withPool(
    limit: Int = 2, hosts: [HostKey] = ["a"], factory: ScriptedFactory = ScriptedFactory(),
    time: any TimeSource = SystemTime(), observer: (any PoolObserver)? = nil,
    _ change: (inout PoolConfiguration) -> Void = { _ in },
    sourceLocation: SourceLocation = #_sourceLocation,
    _ body: (ConnectionPool<ScriptedConnection>, ScriptedFactory) async throws -> Void
) async throws {
    var configuration = PoolConfiguration(hosts: hosts)
    configuration.limit = limit
    // Other suites keep the processors busy meanwhile: nobody is to be refused for that.
    (configuration.acquireTimeout, configuration.shedding) = (.seconds(60), nil)
    change(&configuration)
    let pool = try ConnectionPool(
        configuration: configuration, factory: factory, time: time, random: SeededRandom(seed: 1), observer: observer)
    async let running: Void = pool.run()
    do {
        try await body(pool, factory)
    } catch {
        pool.shutdown(deadline: time.instant())
        throw error
    }
    pool.shutdown(deadline: time.instant())
    await running
    #expect(pool.snapshot.size == 0, sourceLocation: sourceLocation)
    for connection in factory.connections {
        #expect(connection.closeCount == 1, "connection \(connection.number)", sourceLocation: sourceLocation)
        #expect(connection.mostUsers <= 1, "connection \(connection.number)", sourceLocation: sourceLocation)
    }
}

/// What an observer was told.
final class RecordingObserver: PoolObserver {
    enum Event: Sendable, Hashable {
        case leased(TenantKey?)
        case returned(ConnectionCondition)
        case refused(PoolRefusal)
        case connected(HostKey)
        case connectFailed(HostKey)
        case closed(CloseReason)
        case breaker(BreakerState)
        case leak(LeakReport.Kind, line: UInt, label: String?, taskName: String?)
    }
    private let noted = Mutex<[Event]>([])
    private let texts = Mutex<[String]>([])

    var events: [Event] { noted.withLock { $0 } }
    var leakTexts: [String] { texts.withLock { $0 } }
    private func note(_ event: Event) { noted.withLock { $0.append(event) } }

    func leased(tenant: TenantKey?, waited: Duration) { note(.leased(tenant)) }
    func returned(tenant: TenantKey?, held: Duration, condition: ConnectionCondition) { note(.returned(condition)) }
    func refused(tenant: TenantKey?, reason: PoolRefusal, waited: Duration) { note(.refused(reason)) }
    func connected(host: HostKey, took: Duration) { note(.connected(host)) }
    func connectFailed(host: HostKey, error: any Error, took: Duration) { note(.connectFailed(host)) }
    func closed(host: HostKey, reason: CloseReason) { note(.closed(reason)) }
    func breakerChanged(host: HostKey, state: BreakerState) { note(.breaker(state)) }
    func leakSuspected(_ report: LeakReport) {
        note(
            .leak(
                report.kind, line: report.holder.line, label: report.holder.label, taskName: report.holder.taskName))
        texts.withLock { $0.append("\(report)") }
    }
}

/// The reason of a ``PoolError``; nil if there was none.
func refusal(_ body: () async throws -> Void) async -> PoolRefusal? {
    do { try await body() } catch { return (error as? PoolError)?.reason }
    return nil
}

/// A value that several tasks change.
final class Shared<Value: Sendable>: Sendable {
    private let value: Mutex<Value>

    init(_ value: Value) { self.value = Mutex(value) }

    var current: Value { value.withLock { $0 } }
    func change(_ change: (inout Value) -> Void) { value.withLock { change(&$0) } }
}

/// A lease that a test holds across tasks.
final class Held: Sendable {
    private let lease: Mutex<PoolLease<ScriptedConnection>?>

    init(_ pool: ConnectionPool<ScriptedConnection>, for tenant: TenantKey? = nil) async throws {
        lease = Mutex(try await pool.lease(for: tenant))
    }

    func giveBack() {
        lease.withLock { $0.take() }?.giveBack()
    }
}
