import Determinism

/// Whether it pays to decide batches ahead, found out by trying both ways in turns. A pure value.
///
/// To decide ahead, a crowd is written in halves: while the server has one of them, the other is decided. That spares
/// the time in which each waits for the other, and costs a commit more for as many commands. Where the disk is slow
/// that commit takes longer than what is spared; neither is known but by the commands that come through.
struct AheadTrial {
    /// The fewest commands of a batch that counts, less one.
    static let crowd = 16
    /// How many batches each way is tried for, after those in which the crowd finds into it.
    static let length = 24
    static let settling = 4
    /// How many batches the better way is kept for.
    static let term = 1_024

    private enum Phase {
        case tryingWhole
        case tryingAhead(wholeCost: Double)
        case keeping
        case told
    }
    private var phase: Phase
    /// Whether the next batches are to be decided ahead.
    private(set) var decidesAhead: Bool
    private var count = 0
    private var (commands, elapsed) = (0, Duration.zero)
    /// When the batch before has ended, if it was a crowd's.
    private var latest: Instant?

    init(_ choice: PostgresLaneConfiguration.DecidesAhead) {
        (phase, decidesAhead) = (choice == .whereItPays ? .tryingWhole : .told, choice == .always)
    }

    /// A batch has ended. Only crowds' count that follow each other.
    mutating func batchEnded(_ size: Int, at now: Instant) {
        defer { latest = size > Self.crowd ? now : nil }
        guard size > Self.crowd, let latest else { return }
        count += 1
        switch phase {
        case .told: break
        case .keeping:
            if count >= Self.term { turn(to: .tryingWhole, ahead: false) }
        case .tryingWhole, .tryingAhead:
            guard count > Self.settling else { return }
            commands += size
            elapsed += now - latest
            guard count >= Self.settling + Self.length else { return }
            let cost = elapsed / .nanoseconds(1) / Double(commands)
            if case .tryingAhead(let wholeCost) = phase {
                turn(to: .keeping, ahead: cost < wholeCost)
            } else {
                turn(to: .tryingAhead(wholeCost: cost), ahead: true)
            }
        }
    }

    private mutating func turn(to next: Phase, ahead: Bool) {
        (phase, decidesAhead, count, commands, elapsed) = (next, ahead, 0, 0, .zero)
    }
}
