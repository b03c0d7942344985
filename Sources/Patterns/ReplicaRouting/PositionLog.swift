import Determinism

/// Where the primary was, and when: what a replica's position means in time.
///
/// A sample says that everything committed before `moment` lies at or before `lsn`: the moment is when the question
/// was sent, the position what the answer said. So a replica that has replayed up to `lsn` shows a state that is no
/// older than `moment`, whatever the clocks of the two say, and an idle primary, which stays where it is, makes nobody
/// look late. The usual measure, `now() - pg_last_xact_replay_timestamp()`, has both faults.
struct PositionLog: Sendable, Hashable {
    private struct Sample: Sendable, Hashable {
        var position: LogPosition
        /// When the primary was first and last known to be there.
        var moment: Instant
    }
    /// Ascending in both; the oldest are forgotten.
    private var samples: [Sample] = []
    /// Those of former timelines, as long as it is not known which of them the present one contains.
    private var formerSamples: [Sample] = []
    private static let capacity = 256

    /// The primary's newest known position.
    var newest: LSN? { samples.last?.position.lsn }

    /// The primary was at `position` at `moment` or later. What is older than what is known is ignored.
    mutating func note(_ position: LogPosition, at moment: Instant) {
        if let last = samples.last, moment <= last.moment { return }
        // A primary that crashed may begin again before positions that it never wrote down.
        while let last = samples.last, last.position.lsn > position.lsn { samples.removeLast() }
        if let last = samples.last, last.position == position {
            samples[samples.count - 1].moment = moment
            return
        }
        if samples.count >= Self.capacity { thin() }
        samples.append(Sample(position: position, moment: moment))
    }

    /// Half of the older ones go: far back, a coarser answer will do. It errs towards older, never towards fresher.
    private mutating func thin() {
        let half = samples.count / 2
        samples = samples.enumerated().filter { $0.offset >= half || $0.offset.isMultiple(of: 2) }.map(\.element)
    }

    /// How fresh the state is of somebody who has replayed up to `lsn`: it holds everything that was committed before
    /// this moment. Nil when it is older than anything known.
    func moment(of lsn: LSN) -> Instant? {
        var (low, high) = (0, samples.count)
        while low < high {
            let middle = (low + high) / 2
            if samples[middle].position.lsn <= lsn { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? nil : samples[low - 1].moment
    }

    /// There is a primary on a new timeline: which of the former ones' positions it contains its history will say.
    mutating func beginTimeline() {
        formerSamples += samples
        samples = []
    }

    /// The history of the present timeline is known: what a former primary wrote beyond its end never happened.
    ///
    /// What it wrote up to the very end proves nothing either: it may have stood there, believed by us, when the new
    /// primary had long begun to write. A primary that went on after a sample had not been replaced at its moment.
    mutating func apply(_ history: TimelineHistory) {
        let first = samples.first
        let common = formerSamples.filter { sample in
            guard let end = history.end(of: sample.position.timeline), sample.position.lsn < end else { return false }
            return first.map { sample.position.lsn <= $0.position.lsn && sample.moment <= $0.moment } ?? true
        }
        samples = common + samples
        formerSamples = []
    }
}
