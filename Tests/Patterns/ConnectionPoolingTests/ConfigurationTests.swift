import ConnectionPooling
import ConnectionPoolingTestKit
import Determinism
import Testing

@Suite("Configuration, errors and keys")
struct ConfigurationTests {
    @Test func defaultsAreValidOnceThereIsAHost() throws {
        try PoolConfiguration(hosts: ["a"]).validate()
        let configuration = PoolConfiguration()
        #expect(configuration.limit == 20 && configuration.acquireTimeout == .seconds(10))
        #expect(throws: PoolConfigurationError.self) { try configuration.validate() }
    }

    struct Change: Sendable, CustomTestStringConvertible {
        let setting: String
        let make: @Sendable (inout PoolConfiguration) -> Void
        var testDescription: String { setting }

        init(_ setting: String, _ make: @escaping @Sendable (inout PoolConfiguration) -> Void) {
            (self.setting, self.make) = (setting, make)
        }
    }

    static let wrong: [Change] = [
        Change("hosts") { $0.hosts = ["a", "a"] },
        Change("hosts") { $0.hosts = (0...1_000).map { HostKey("\($0)") } }, Change("limit") { $0.limit = 0 },
        Change("limit") { $0.limit = 10_001 }, Change("minimum") { $0.minimum = 21 },
        Change("minimum") { $0.minimum = -1 }, Change("acquireTimeout") { $0.acquireTimeout = .zero },
        Change("idleTimeout") { $0.idleTimeout = .zero }, Change("maximumLifetime") { $0.maximumLifetime = .zero },
        Change("lifetimeJitter") { $0.lifetimeJitter = 0.6 }, Change("lifetimeJitter") { $0.lifetimeJitter = .nan },
        Change("validateAfter") { $0.validateAfter = .seconds(-1) },
        Change("validationTimeout") { $0.validationTimeout = .zero },
        Change("resetTimeout") { $0.resetTimeout = .zero }, Change("connectTimeout") { $0.connectTimeout = .zero },
        Change("closeTimeout") { $0.closeTimeout = .zero }, Change("queueLimit") { $0.queueLimit = 0 },
        Change("connecting.concurrency") { $0.connecting.concurrency = 0 },
        Change("connecting.failureThreshold") { $0.connecting.failureThreshold = 0 },
        Change("connecting.pause") { $0.connecting.pause = .zero },
        Change("connecting.longestPause") { $0.connecting.longestPause = .milliseconds(1) },
        Change("shedding.target") { $0.shedding?.target = .zero },
        Change("shedding.interval") { $0.shedding?.interval = .zero },
        Change("leakThreshold") { $0.leakThreshold = .zero },
        Change("fairShares.defaultWeight") { $0.fairShares?.defaultWeight = 0 },
        Change("fairShares.weights") { $0.fairShares?.weights = [TenantKey(1 as UInt64): 0] },
    ]

    @Test("What cannot be is refused by name", arguments: wrong)
    func wrongSettingIsNamed(change: Change) {
        var configuration = PoolConfiguration(hosts: ["a"])
        change.make(&configuration)
        #expect {
            try configuration.validate()
        } throws: { error in
            (error as? PoolConfigurationError)?.setting == change.setting && "\(error)".contains(change.setting)
        }
        #expect(throws: PoolConfigurationError.self) {
            _ = try ConnectionPool(configuration: configuration, factory: ScriptedFactory())
        }
    }

    @Test func errorTellsTheStateAndTheLastFailure() {
        var snapshot = PoolSnapshot()
        (snapshot.limit, snapshot.size, snapshot.leased, snapshot.waiting) = (20, 20, 20, 7)
        (snapshot.oldestWait, snapshot.isRunning) = (.seconds(3), true)
        let error = PoolError(
            reason: .timedOut, snapshot: snapshot, waited: .seconds(10),
            lastConnectError: ScriptedFailure("connection refused"))
        let text = "\(error)"
        for part in ["10.0 seconds", "20 of 20", "20 leased", "7 waiting", "3.0 seconds", "connection refused"] {
            #expect(text.contains(part), "\(text)")
        }
    }

    @Test func tenantsAreToldApart() {
        #expect(TenantKey(named: "acme") == TenantKey(named: "acme"))
        #expect(TenantKey(named: "acme") != TenantKey(named: "acmf"))
        #expect(TenantKey(named: "").value == 0xCBF2_9CE4_8422_2325)
        #expect(TenantKey(-1 as Int64).value == UInt64.max)
        #expect(Set((0..<10_000).map { TenantKey(named: "tenant-\($0)") }).count == 10_000)
    }
}
