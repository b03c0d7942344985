import Determinism
import PantryDomain

/// `Pantry-Consistency-Token`: which organization wrote, where, and when. Sealed, so that nobody asks for the future.
struct ConsistencyToken: Equatable {
    var organization: Int64
    var shard: String
    /// Of the shard map: a token from before a move is recognised by it.
    var epoch: Int64
    var at: Timestamp

    func sealed(_ seal: FleetSeal) -> String {
        seal.seal("\(organization)|\(epoch)|\(at.microseconds)|\(shard)", for: .consistency)
    }

    init(organization: Int64, shard: String, epoch: Int64, at: Timestamp) {
        (self.organization, self.shard, self.epoch, self.at) = (organization, shard, epoch, at)
    }

    /// - Returns: nil for what is not a token of this installation.
    init?(_ text: String, _ seal: FleetSeal) {
        guard text.utf8.count <= 1_024, let opened = seal.open(text, for: .consistency) else { return nil }
        let parts = opened.split(separator: "|", maxSplits: 3)
        guard parts.count == 4, let organization = Int64(parts[0]), let epoch = Int64(parts[1]),
            let microseconds = Int64(parts[2])
        else { return nil }
        self.init(
            organization: organization, shard: String(parts[3]), epoch: epoch,
            at: Timestamp(microseconds: microseconds))
    }
}
