import Determinism
import PantryDomain
import RedisDriver
import Storage

/// What servers have in common of sessions' positions.
protocol SessionPositionStore: Sendable {
    /// Keeps the furthest position of a session for as long as it lasts; of one that nobody can say, that it is in
    /// doubt for a while.
    func keep(_ position: SessionPosition, of session: SessionReference, for time: Duration) async throws(RedisError)
    func look(_ session: SessionReference) async throws(RedisError) -> KeptPosition
    func remove(_ session: SessionReference) async throws(RedisError)
    /// Whether it takes writes: one that is full, or has become a replica, still answers questions.
    func probe() async throws(RedisError)
}

/// What is kept of a session.
enum KeptPosition: Sendable, Hashable {
    /// Nothing, though something was when it began.
    case missing
    /// There is a write that nobody can place.
    case inDoubt
    /// Nothing that a read would have to wait for.
    case nothing
    case token(String)
}

/// Positions in Redis: for each session the token of its furthest write, behind 50 digits that sort as positions do,
/// and beside it a mark while there is a write that nobody can place.
struct RedisSessionPositionStore: SessionPositionStore {
    /// Keeps the greater of two positions, and sets the mark. Digits sort alike in every locale.
    private static let script = RedisScript(
        """
        local kept = redis.call('GET', KEYS[1])
        if not kept or string.sub(kept, 1, 50) < ARGV[1] then
          redis.call('SET', KEYS[1], ARGV[1] .. ARGV[2], 'PX', ARGV[3])
        end
        if ARGV[4] ~= '0' then redis.call('SET', KEYS[2], '1', 'PX', ARGV[4]) end
        return 1
        """)
    private static let digits = 50
    /// A write waits for it.
    private static let keepTimeout: Duration = .milliseconds(250)
    /// A read waits for it, and may as well ask the primary.
    private static let lookTimeout: Duration = .milliseconds(100)
    private let client: RedisClient
    private let keys: RedisKeys

    init(_ client: RedisClient, _ keys: RedisKeys) { (self.client, self.keys) = (client, keys) }

    func keep(
        _ position: SessionPosition, of session: SessionReference, for time: Duration
    ) async throws(RedisError) {
        let place = position.position
        let order: String
        if let place {
            order =
                Self.padded(UInt64(clamping: position.epoch), 20) + Self.padded(UInt64(place.timeline), 10)
                + Self.padded(place.offset, 20)
        } else {
            order = Self.padded(0, Self.digits)
        }
        let doubt = place == nil ? SessionPositionBook.settling.inMicroseconds / 1_000 : 0
        let arguments: [any RedisArgument] = [
            order, place == nil ? "" : position.token, max(time.inMicroseconds / 1_000, 1), doubt,
        ]
        _ = try await client.eval(
            Self.script, keys: keys.session(session.id), arguments: arguments, timeout: Self.keepTimeout
        ).checked()
    }

    func look(_ session: SessionReference) async throws(RedisError) -> KeptPosition {
        let values = try await client.send(.get(keys.session(session.id)), timeout: Self.lookTimeout).array()
        guard values.count == 2 else {
            throw RedisError(.unexpectedReply, .answered, "\(values.count) values for two keys")
        }
        guard let kept = try values[0].optionalText() else { return .missing }
        if try values[1].optionalBytes() != nil { return .inDoubt }
        let token = Substring(kept.utf8.dropFirst(Self.digits))
        return token.isEmpty ? .nothing : .token(String(token))
    }

    func remove(_ session: SessionReference) async throws(RedisError) {
        let names = keys.session(session.id)
        try await client.send(.delete(names[0], names[1]), timeout: Self.keepTimeout)
    }

    func probe() async throws(RedisError) {
        try await client.send(
            .set(keys.sessionProbe, "1", .expiring(after: .seconds(1))), timeout: Self.keepTimeout)
    }

    private static func padded(_ number: UInt64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.utf8.count)) + text
    }
}
