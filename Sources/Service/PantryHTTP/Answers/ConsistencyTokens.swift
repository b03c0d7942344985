import Determinism
import HTTPTypes
import PantryDomain
import ReplicaRouting
import Storage
import Synchronization

/// Makes and reads `Pantry-Consistency-Token`: how far an organization's shard had come when a write was answered.
///
/// The organization is what a token is authenticated for, so that one caller's token is no other's.
final class ConsistencyTokens: Sendable {
    private let secrets: FleetSecrets
    private struct State {
        var keys: ConsistencyTokenKeys
        var numbers: Set<Int64>
        var making: Int64
    }
    private let state: Mutex<State?>

    init(_ secrets: FleetSecrets) {
        self.secrets = secrets
        state = Mutex(nil)
    }

    /// A token of what was written in this corner just now.
    func token(_ context: TenantContext) throws(Problem) -> String {
        try token(of: context.number, context.shard.name, epoch: context.caller.tenant.epoch, context.trail)
    }

    /// A token of an organization that was made: of its shard, which has been told of it.
    func token(making home: OrganizationHome, _ trail: CommitTrail) throws(Problem) -> String {
        try token(of: home.number, home.shard, epoch: OrganizationRecord.firstEpoch, trail)
    }

    private func token(
        of organization: Int64, _ shard: String, epoch: Int64, _ trail: CommitTrail
    ) throws(Problem) -> String {
        let position = trail.position ?? Self.unknownPosition
        let entry = ConsistencyToken.Entry(
            shard: shard, epoch: UInt64(clamping: epoch),
            position: LogPosition(Timeline(position.timeline), LSN(bytes: position.offset)))
        return try keys().seal(ConsistencyToken(entry), for: Self.audience(organization))
    }

    /// A token of a write in the control database, whose reads are strong anyhow: it asks for nothing.
    func tokenOfControl(_ organization: Int64) throws(Problem) -> String {
        try keys().seal(ConsistencyToken(), for: Self.audience(organization))
    }

    /// How fresh a read with this token must be.
    func consistency(_ text: String, in context: TenantContext) throws(ConsistencyTokensError) -> ReadConsistency {
        let requirement: ReadRequirement
        do {
            let token = try open(text, for: context.number)
            requirement = try token.requirement(
                for: context.shard.name, epoch: UInt64(clamping: context.caller.tenant.epoch))
        } catch ConsistencyTokenError.unknownKey {
            // Older than any secret that is still kept, or newer than what is known here: the primary has everything.
            return .strong
        } catch is ReplicaRoutingError {
            throw .mapOutdated
        } catch { throw .foreign }
        switch requirement {
        case .strong: return .strong
        case .eventual: return .eventual
        case .position(let position) where position.timeline.number == Self.unknownPosition.timeline: return .strong
        case .position(let position):
            return .atLeast(CommitPosition(timeline: position.timeline.number, offset: position.lsn.bytes))
        }
    }

    /// What a write's token stands for, to be noted for a session; nil for one that asks for nothing.
    func position(of text: String, for organization: Int64) -> SessionPosition? {
        guard let entry = try? open(text, for: organization).entries.first else { return nil }
        let (timeline, lsn) = (entry.position.timeline.number, entry.position.lsn.bytes)
        return SessionPosition(
            epoch: Int64(clamping: entry.epoch),
            position: timeline == Self.unknownPosition.timeline
                ? nil : CommitPosition(timeline: timeline, offset: lsn), token: text)
    }

    /// Whether the text is a token of this organization at all.
    func isKnown(_ text: String, of organization: Int64) -> Bool {
        do { _ = try open(text, for: organization) } catch ConsistencyTokenError.unknownKey {} catch { return false }
        return true
    }

    /// Whether the text has the form of a token, whosever it is: that can only be told of an organization's own.
    func isWellFormed(_ text: String) -> Bool {
        do { _ = try open(text, for: 0) } catch ConsistencyTokenError.malformed { return false } catch { return true }
        return true
    }

    private func open(_ text: String, for organization: Int64) throws -> ConsistencyToken {
        try keys().open(text, for: Self.audience(organization))
    }

    /// Stands where nobody can say how far the database had come, or where there is nobody who could be behind: reads
    /// with it go to the primary.
    private static let unknownPosition = CommitPosition(timeline: 0, offset: 0)

    private static func audience(_ organization: Int64) -> String.UTF8View { String(organization).utf8 }

    /// The keys of the present secrets; made anew when those have changed.
    private func keys() throws(Problem) -> ConsistencyTokenKeys {
        let (numbers, making) = secrets.numbers
        if let known = state.withLock({ $0 }), known.numbers == numbers, known.making == making { return known.keys }
        let (keys, number) = secrets.keys(for: "consistency token")
        guard let made = try? ConsistencyTokenKeys(secrets: keys, making: number) else { throw .internal }
        state.withLock { $0 = State(keys: made, numbers: Set(keys.keys), making: number) }
        return made
    }
}

/// Why a token says nothing.
enum ConsistencyTokensError: Error {
    /// It is none that a write of this organization was answered with.
    case foreign
    /// It was made under a newer map of the shards.
    case mapOutdated
}
