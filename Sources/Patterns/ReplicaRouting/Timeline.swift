/// A timeline: one branch of a cluster's history. Each promotion of a replica begins a new one, with a higher number.
public struct Timeline: Sendable, Hashable, Comparable, CustomStringConvertible {
    /// The timeline id, from 1.
    public let number: UInt32

    /// The first timeline of every cluster.
    public static let first = Timeline(1)

    /// The timeline with this number.
    public init(_ number: UInt32) { self.number = number }

    /// The timeline in the name of a log segment, as in `00000002…`: what `pg_walfile_name()` says of a primary's own
    /// position. `pg_control_checkpoint()` shows the former timeline until the next checkpoint.
    public init?(walFileName name: some StringProtocol) {
        guard name.utf8.count == 24 else { return nil }
        var (value, count): (UInt64, Int) = (0, 0)
        for byte in name.utf8 {
            guard let digit = hexadecimalDigit(byte) else { return nil }
            if count < 8 { value = value << 4 | digit }
            count += 1
        }
        self.init(UInt32(truncatingIfNeeded: value))
    }

    /// Older timelines come first.
    public static func < (a: Self, b: Self) -> Bool { a.number < b.number }

    /// The number.
    public var description: String { "\(number)" }
}

/// A position together with the timeline it belongs to.
public struct LogPosition: Sendable, Hashable, CustomStringConvertible {
    /// The timeline.
    public var timeline: Timeline
    /// The position.
    public var lsn: LSN

    /// A position on a timeline.
    public init(_ timeline: Timeline, _ lsn: LSN) { (self.timeline, self.lsn) = (timeline, lsn) }

    /// As in `2@0/3000148`.
    public var description: String { "\(timeline)@\(lsn)" }
}

/// How a timeline came to be: its ancestors, each with the position where it was left.
///
/// What was written on an ancestor up to its end is part of the timeline; what was written beyond is gone. Along one
/// history positions are totally ordered.
public struct TimelineHistory: Sendable, Hashable {
    /// An ancestor.
    public struct Ancestor: Sendable, Hashable {
        /// The timeline.
        public let timeline: Timeline
        /// Where it was left: the switch point.
        public let end: LSN

        /// An ancestor that was left at `end`.
        public init(_ timeline: Timeline, end: LSN) { (self.timeline, self.end) = (timeline, end) }
    }
    /// What a history says of a position.
    public enum Verdict: Sendable, Hashable {
        /// It is part of the history.
        case contained
        /// It is not: the timeline was left before it, at this position (``LSN/zero`` if it is no ancestor at all).
        case lost(switchPoint: LSN)
        /// The position's timeline is newer than this history.
        case newer
    }

    /// The timeline whose history this is.
    public let timeline: Timeline
    /// Its ancestors, oldest first.
    public let ancestors: [Ancestor]

    /// The history of `timeline`.
    public init(of timeline: Timeline, ancestors: [Ancestor] = []) {
        (self.timeline, self.ancestors) = (timeline, ancestors)
    }

    /// Reads the text of a file `pg_wal/0000000N.history` (or the answer to `TIMELINE_HISTORY`): in each line a
    /// timeline, the position where it was left, and a reason. Nil when a line is neither that, nor empty, nor a
    /// comment, or when the timelines do not ascend towards `timeline`.
    public init?(of timeline: Timeline, parsing text: some StringProtocol) {
        var ancestors: [Ancestor] = []
        for line in text.split(whereSeparator: \.isNewline) {
            let fields = line.split(maxSplits: 2) { $0 == " " || $0 == "\t" }
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            guard fields.count >= 2, let number = UInt32(first), let end = LSN(fields[1]),
                number > (ancestors.last?.timeline.number ?? 0), number < timeline.number
            else { return nil }
            ancestors.append(Ancestor(Timeline(number), end: end))
        }
        self.init(of: timeline, ancestors: ancestors)
    }

    /// Whether a position is part of this history.
    public func verdict(on position: LogPosition) -> Verdict {
        if position.timeline == timeline { return .contained }
        if position.timeline > timeline { return .newer }
        guard let end = end(of: position.timeline) else { return .lost(switchPoint: .zero) }
        return position.lsn <= end ? .contained : .lost(switchPoint: end)
    }

    /// Up to where an ancestor's log is part of this history; nil for a timeline that is none.
    ///
    /// A replica that is promoted before it has replayed up to its own timeline's beginning leaves several timelines
    /// behind at once: ends need not ascend, and the lowest of the later ones counts.
    public func end(of ancestor: Timeline) -> LSN? {
        var lowest = LSN(bytes: .max)
        for entry in ancestors.reversed() {
            lowest = min(lowest, entry.end)
            if entry.timeline == ancestor { return lowest }
        }
        return nil
    }
}
