/// Which heritage a connection's next batch may go by: that of the batch before, if it was committed and nothing has
/// failed since. A pure value.
struct LaneSuccession {
    /// What the present batch leaves if it is committed.
    private var bequest: Int?
    /// What the batch before has left, and its number as a transaction.
    private var inherited: (heritage: Int, leader: UInt32)?
    /// Whether followers are made at all. One that was deceived has cost a trip; keys that clients send again deceive
    /// it, too, for it takes them for new.
    private var trust = LaneTrust()

    /// Whether the next batch may leave anything.
    var isTrusted: Bool { trust.wouldBeGiven }

    /// The number of the transaction that left this; nil if what was decided over it is void.
    func leader(of heritage: Int) -> UInt32? {
        guard let inherited, inherited.heritage == heritage else { return nil }
        return inherited.leader
    }

    /// A batch begins. Where followers are not made, it is one of those after which they are again.
    mutating func begin() { _ = trust.isGiven() }

    /// A batch is about to be sent.
    /// - Parameter heritage: what it leaves; nil if nobody is to go by it.
    mutating func send(leaving heritage: Int?) { (bequest, inherited) = (heritage, nil) }

    /// It was committed.
    /// - Parameter number: as a transaction, if it is known.
    mutating func commit(_ number: UInt32?, wasAhead: Bool) {
        if let bequest, let number { inherited = (bequest, number) }
        bequest = nil
        if wasAhead { trust.wasRight() }
    }

    /// Something has failed.
    mutating func fail() { (bequest, inherited) = (nil, nil) }

    /// A follower has found a row that was not as its leader had left it.
    mutating func wasDeceived() { trust.wasWrong() }
}
