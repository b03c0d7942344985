import Foundation

/// Where a process is to kill itself: every commit on any of its database files passes two points, one just before and
/// one just after it.
public enum FaultPoint: Sendable, Hashable, CustomStringConvertible {
    /// The N-th point, from 1, after the process was ready.
    case sinceReady(Int)
    /// The N-th point, from 1, after the process began: for crashes in the middle of recovery.
    case sinceStart(Int)

    /// The value of `PANTRY_FAULT_POINT`.
    public var description: String {
        switch self {
        case .sinceReady(let number): "\(number)"
        case .sinceStart(let number): "start:\(number)"
        }
    }
}

/// A line of the log that `PANTRY_FAULT_LOG` asks for: a point that was passed.
public struct PassedPoint: Sendable, Hashable, CustomStringConvertible {
    /// Its number, from 1.
    public let number: Int
    /// `before` or `after` the commit.
    public let side: String
    /// The database that committed.
    public let database: String

    /// As in the log.
    public var description: String { "\(number) \(side) \(database)" }

    /// Reads a line; nil for anything else.
    public init?(_ line: some StringProtocol) {
        let parts = line.split(separator: " ", maxSplits: 2)
        guard parts.count == 3, let number = Int(parts[0]), ["before", "after"].contains(parts[1]) else { return nil }
        (self.number, side, database) = (number, String(parts[1]), String(parts[2]))
    }

    /// The points of a log, in order; none when there is no such file yet.
    public static func read(_ path: String) -> [PassedPoint] {
        guard let data = FileManager.default.contents(atPath: path) else { return [] }
        return String(decoding: data, as: UTF8.self).split(separator: "\n").compactMap { PassedPoint($0) }
    }
}
