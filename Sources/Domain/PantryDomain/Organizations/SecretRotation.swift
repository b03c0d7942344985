import Determinism

/// When the fleet's secrets change: a pure decision over what stands in the control database.
///
/// A secret is first made known, and used only once every server must have read it. The one before it opens what it has
/// sealed for longer than that is of interest: kept answers (two days), cursors, consistency tokens.
package struct SecretRotation: Sendable, Hashable {
    /// How long a secret seals before the next is made.
    package var period = Duration.seconds(30 * 24 * 3600)
    /// How long a new secret is known before it seals. Servers read the secrets more often than this.
    package var notice = Duration.seconds(120)
    /// How long a secret that was replaced still opens.
    package var retention = Duration.seconds(7 * 24 * 3600)

    package init() {}

    /// A secret as it stands in the database, without itself.
    package struct Entry: Sendable, Hashable {
        package var number: Int64
        package var madeAt: Timestamp
        package init(number: Int64, madeAt: Timestamp) { (self.number, self.madeAt) = (number, madeAt) }
    }
    /// What is to be done.
    package struct Plan: Sendable, Hashable {
        /// The number of the secret to make.
        package var makes: Int64?
        /// The numbers of those to delete.
        package var forgets: [Int64] = []
        package var isEmpty: Bool { makes == nil && forgets.isEmpty }
    }

    /// - Parameter entries: by ascending number.
    package func plan(_ entries: [Entry], now: Timestamp) -> Plan {
        guard let newest = entries.last else { return Plan(makes: 1) }
        var plan = Plan()
        if newest.madeAt + period <= now { plan.makes = newest.number + 1 }
        for (entry, next) in zip(entries, entries.dropFirst()) where next.madeAt + notice + retention <= now {
            plan.forgets.append(entry.number)
        }
        return plan
    }

    /// The number of the secret that seals: the newest that is known for long enough, else the oldest.
    package func sealing(_ entries: [Entry], now: Timestamp) -> Int64? {
        (entries.last { $0.madeAt + notice <= now } ?? entries.first)?.number
    }
}
