import Determinism
import PantryDomain

/// What this server knows of how well sessions' positions are kept: a pure value.
///
/// Whatever was written longer ago than `settling` is on every replica that may serve a read: one that is further
/// behind serves none. So nothing need be known of older writes, and no doubt lasts longer than that.
struct SessionPositionBook: Sendable {
    /// Well beyond the greatest age of a replica's state that a read may be served from, 5 s.
    static let settling: Duration = .seconds(10)
    private struct Unsaved {
        var position: SessionPosition
        let until: Instant
    }
    /// Whether the store did not answer when it was asked last.
    private(set) var isAway = false
    private var doubtUntil: Instant
    private var unsaved: [SessionReference: Unsaved] = [:]
    private let capacity: Int

    /// A server that begins does not know how the store, and others that write to it, have fared until now.
    init(at now: Instant, capacity: Int = 10_000) {
        (doubtUntil, self.capacity) = (now + Self.settling, capacity)
    }

    /// Whether the store may lack a write of the session that others, or this server, have answered.
    func isInDoubt(_ session: SessionReference, at now: Instant) -> Bool {
        isAway || now < doubtUntil || unsaved[session] != nil
    }

    /// The store does not answer. What others write meanwhile may be missing there, too.
    /// - Returns: whether it did before.
    mutating func storeWentAway() -> Bool {
        defer { isAway = true }
        return !isAway
    }

    /// The store answers. It may have come back with what it knew long ago, and others may still be without it.
    /// - Returns: whether it was away before.
    mutating func storeAnswered(at now: Instant) -> Bool {
        guard isAway else { return false }
        (isAway, doubtUntil) = (false, now + Self.settling)
        return true
    }

    /// Keeps what is to be noted later. Beyond its capacity nothing is: others may read what is older, for as long as
    /// replicas are behind.
    mutating func postpone(_ position: SessionPosition, of session: SessionReference, at now: Instant) {
        if let known = unsaved[session] {
            // One that nobody can place makes reads strong for as long as it matters, which covers those before.
            if known.position < position || position.position == nil {
                unsaved[session] = Unsaved(position: position, until: now + Self.settling)
            }
        } else if unsaved.count < capacity {
            unsaved[session] = Unsaved(position: position, until: now + Self.settling)
        }
    }

    /// What is to be noted now, without what is of no use to anybody any more.
    mutating func due(at now: Instant) -> [(session: SessionReference, position: SessionPosition)] {
        unsaved = unsaved.filter { now < $0.value.until }
        return unsaved.map { (session: $0.key, position: $0.value.position) }
    }

    /// It was noted; a later position of the same session is still to be.
    mutating func saved(_ position: SessionPosition, of session: SessionReference) {
        if unsaved[session]?.position == position { unsaved[session] = nil }
    }

    /// Whether there is anything left to do.
    var isSettled: Bool { !isAway && unsaved.isEmpty }
}
