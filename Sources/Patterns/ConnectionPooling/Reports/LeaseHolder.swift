import Determinism

/// Who holds a connection, so that one that never comes back can be traced to a line of code.
public struct LeaseHolder: Sendable {
    /// What the caller said it is for.
    public let label: String?
    /// The name of the caller's task, if it has one and the platform can tell.
    public let taskName: String?
    /// The file that asked, as `Module/File.swift`.
    public let file: StaticString
    /// The line that asked.
    public let line: UInt
    /// For whom.
    public let tenant: TenantKey?

    /// What stands in a place that is not leased.
    static let nobody = LeaseHolder(label: nil, taskName: nil, file: "", line: 0, tenant: nil)
}

/// A connection that is held for suspiciously long, or was dropped.
public struct LeakReport: Sendable, CustomStringConvertible {
    /// What happened.
    public enum Kind: Sendable, Hashable {
        /// Held longer than ``PoolConfiguration/leakThreshold``; it may still come back.
        case held
        /// The lease was destroyed without having been returned; the pool has taken the connection back.
        case dropped
    }
    /// What happened.
    public let kind: Kind
    /// Whose it is.
    public let holder: LeaseHolder
    /// Where the connection goes.
    public let host: HostKey
    /// How long it has been held.
    public let age: Duration

    /// One line for a log.
    public var description: String {
        let what =
            kind == .held ? "A connection to \(host) has been held" : "A lease of \(host) was dropped, not returned,"
        let label = holder.label.map { " for \($0.inOneLine)" } ?? ""
        let task = holder.taskName.map { " in task \($0)" } ?? ""
        let tenant = holder.tenant.map { " of tenant \($0)" } ?? ""
        return "\(what) for \(age)\(label)\(task)\(tenant), leased at \(holder.file):\(holder.line)"
    }
}

extension String {
    /// Without line breaks, and no longer than a line may be: a label may be a whole statement.
    fileprivate var inOneLine: String {
        let line = split(whereSeparator: \.isWhitespace).joined(separator: " ")
        return line.count > 300 ? "\(line.prefix(300))…" : line
    }
}
