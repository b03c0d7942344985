import Determinism
import PantryDomain
import RateLimiting
import Testing

@testable import PantryAssembly

/// Whose the keys in Redis are.
@Suite("Keys in Redis")
struct RedisKeyTests {
    private let keys = RedisKeys(InstallationID("8a1b2c3d4e5f"))

    @Test func installationsHaveNoKeyInCommon() {
        let other = RedisKeys(InstallationID("8a1b2c3d4e50"))
        #expect(keys.limits == "pantry:8a1b2c3d4e5f:rl:" && keys.processes == "pantry:8a1b2c3d4e5f:processes")
        #expect(!other.limits.hasPrefix(keys.limits) && !keys.limits.hasPrefix(other.limits))
        #expect(other.processes != keys.processes)
        let session = SessionID(UUIDv7(high: 1, low: 2))
        #expect(Set(keys.session(session)).isDisjoint(with: other.session(session)))
    }

    @Test func keysOfOneSessionAreInOneSlot() {
        let session = SessionID(UUIDv7(high: 1, low: 2))
        for key in keys.session(session) { #expect(key.hasPrefix("pantry:8a1b2c3d4e5f:session:{\(session)}")) }
        #expect(Set(keys.session(session)).count == 2)
    }

    /// A cluster takes what is between the first braces: no more than the tenant.
    @Test func keysOfOneDecisionAreInOneSlot() throws {
        let checks = [
            RateLimitCheck(try .fixedWindow("requests", quota: 5, per: .seconds(60)), subject: "a"),
            RateLimitCheck(try .fixedWindow("orders", quota: 2, per: .seconds(60)), subject: "b"),
        ]
        let made = RateLimitScriptCall(RateLimitRequest(tenant: "org_7", checks), prefix: keys.limits).keys
        #expect(
            made == ["pantry:8a1b2c3d4e5f:rl:{org_7}:requests:a", "pantry:8a1b2c3d4e5f:rl:{org_7}:orders:b"])
    }
}
