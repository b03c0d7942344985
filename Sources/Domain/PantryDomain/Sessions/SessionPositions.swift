import Storage

/// How far a session's writes had come when one of them was answered.
package struct SessionPosition: Sendable, Hashable, Comparable {
    /// The shard map's epoch that it was written under.
    package let epoch: Int64
    /// Where it was written to; nil where nobody can say.
    package let position: CommitPosition?
    /// The consistency token that stands for it, as the write was answered with.
    package let token: String

    package init(epoch: Int64, position: CommitPosition?, token: String) {
        (self.epoch, self.position, self.token) = (epoch, position, token)
    }

    /// A move comes before a failover, and a failover before a position.
    package static func < (a: Self, b: Self) -> Bool {
        if a.epoch != b.epoch { return a.epoch < b.epoch }
        switch (a.position, b.position) {
        case (let a?, let b?): return a < b
        case (nil, _?): return true
        case (_, nil): return false
        }
    }
}

/// How fresh a session's reads must be to see all that was answered in it.
package enum SessionFreshness: Sendable, Hashable {
    /// As any read.
    case any
    /// As a read with this token.
    case token(String)
    /// The primary's present state.
    case strong
}

/// Where the writes of sessions have come, as far as servers know of each other.
package protocol SessionPositions: Sendable {
    /// Notes a write, or the session's own beginning. Returns before the write is answered, in bounded time, and never
    /// fails: what could not be noted makes later reads strong.
    func note(_ position: SessionPosition, of session: SessionReference) async
    /// What a read in the session must see.
    func freshness(of session: SessionReference) async -> SessionFreshness
    /// Forgets what was noted: it was lost in a failover, and the session has been told.
    func forget(_ session: SessionReference) async
}

/// Where every database has one server, whoever reads sees all.
package struct NoSessionPositions: SessionPositions {
    package init() {}
    package func note(_ position: SessionPosition, of session: SessionReference) async {}
    package func freshness(of session: SessionReference) async -> SessionFreshness { .any }
    package func forget(_ session: SessionReference) async {}
}

/// Where there are replicas and servers have no place in common to note anything, sessions read at the primary.
package struct UnknownSessionPositions: SessionPositions {
    package init() {}
    package func note(_ position: SessionPosition, of session: SessionReference) async {}
    package func freshness(of session: SessionReference) async -> SessionFreshness { .strong }
    package func forget(_ session: SessionReference) async {}
}
