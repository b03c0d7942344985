import Synchronization

@testable import PantryDomain

/// What a simulation of a shop under fire is for. One in which nothing of it happened would find nothing wrong.
enum Happening: String, Sendable, CaseIterable {
    /// What callers hear of their orders.
    case confirmed, declined, outOfStock, accepted
    /// What they hear of their other requests.
    case canceled, refunded, fulfilled, adjusted
    /// They hear nothing, or once more what they had heard.
    case unanswered, replayed
    /// A server died and the next one began; it took a saga up that was left behind.
    case restarted, recovered
    /// What becomes of calls to the provider.
    case notSent, unknownButDone, unknownAndLost, delayed

    /// How often it happens at the least in two hundred runs, whatever their seeds are.
    ///
    /// The last server of each run does not die, and has fifteen turns of its callers: three thousand turns. A third of
    /// them is a new order, a sixth a repeat, a twelfth an adjustment, a quarter something about an order. There are
    /// units for three orders of each run at least, so six hundred that come to a charge: a tenth of these is declined,
    /// a tenth is never charged and waits, and of the calls some eight of a hundred have each of the fates. Three
    /// servers in two runs die, about half of them in the middle of something. So the rarest is to be expected some
    /// thirty times where half of them come to nothing: that there is none has a chance of one to ten billions.
    var least: Int {
        switch self {
        case .declined, .outOfStock, .accepted, .canceled, .refunded, .fulfilled, .recovered: 1
        case .notSent, .unknownButDone, .unknownAndLost, .delayed: 10
        case .confirmed, .adjusted, .unanswered, .replayed: 20
        case .restarted: 100
        }
    }
}

/// How often it happened.
final class Happenings: Sendable {
    private let counts = Mutex<[Happening: Int]>([:])

    var all: [Happening: Int] { counts.withLock { $0 } }

    func add(_ happening: Happening, _ times: Int = 1) { counts.withLock { $0[happening, default: 0] += times } }

    func note(_ fate: Fate) {
        switch fate {
        case .notSent: add(.notSent)
        case .unknownButDone: add(.unknownButDone)
        case .unknownAndLost: add(.unknownAndLost)
        case .delayed: add(.delayed)
        case .pass, .refuse, .hang, .unavailable, .hangThenUnavailable: break
        }
    }

    func note(_ entry: Simulation.Entry) {
        switch (entry.request, entry.heard.kind) {
        case (.place, .created): add(.confirmed)
        case (.place, .paymentDeclined): add(.declined)
        case (.place, .outOfStock): add(.outOfStock)
        case (.cancel, .ok): add(.canceled)
        case (.refund, .created): add(.refunded)
        case (.fulfill, .ok): add(.fulfilled)
        case (.adjust, .created): add(.adjusted)
        default: break
        }
        if case .place = entry.request, entry.heard.isAccepted { add(.accepted) }
        if entry.heard.isReplay { add(.replayed) }
        if entry.heard == .nothing { add(.unanswered) }
    }
}
