import Determinism
import Synchronization

/// Who a key belongs to.
package struct Credential: Sendable, Hashable {
    package let organization: Int64
    package let role: Role
    package let key: APIKeyID
}

/// What this server remembers of keys and organizations, each for a bounded time and in a bounded number. A
/// revocation on another server is seen late by at most that time; one on this server at once.
final class ControlCache: Sendable {
    struct CachedKey: Sendable {
        let record: APIKeyRecord
        let readAt: Instant
    }
    struct CachedOrganization: Sendable {
        let record: OrganizationRecord
        let readAt: Instant
    }
    private struct State {
        var keys: [APIKeyID: CachedKey] = [:]
        var organizations: [Int64: CachedOrganization] = [:]
        var generation = 0
    }
    static let capacity = 50_000
    private let state = Mutex(State())

    func key(_ id: APIKeyID) -> CachedKey? { state.withLock { $0.keys[id] } }
    func organization(_ number: Int64) -> CachedOrganization? { state.withLock { $0.organizations[number] } }

    /// Raised whenever something is forgotten. Who reads a record takes it before, so that what was read before a
    /// change is not remembered after it.
    var generation: Int { state.withLock { $0.generation } }

    func remember(_ record: APIKeyRecord, at now: Instant, since generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            // Full: begin anew rather than keep books about who was used last; the next requests fill it again.
            if state.keys.count >= Self.capacity { state.keys = [:] }
            state.keys[record.id] = CachedKey(record: record, readAt: now)
        }
    }
    func remember(_ record: OrganizationRecord, at now: Instant, since generation: Int) {
        state.withLock { state in
            guard state.generation == generation else { return }
            if state.organizations.count >= Self.capacity { state.organizations = [:] }
            state.organizations[record.number] = CachedOrganization(record: record, readAt: now)
        }
    }
    func forget(_ id: APIKeyID) {
        state.withLock { state in
            state.keys[id] = nil
            state.generation += 1
        }
    }
    func forget(_ number: Int64) {
        state.withLock { state in
            state.organizations[number] = nil
            state.generation += 1
        }
    }
}
