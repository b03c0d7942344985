/// Why a database could not do what it was asked. Each case says what is known about the effect.
public enum StorageError: Error, Sendable, Hashable {
    /// The database cannot be reached or opened; nothing was changed.
    case unavailable(String)
    /// There is no room left on the disk; nothing was changed.
    case full(String)
    /// A constraint or a guard refused the change; nothing was changed.
    case constraint(String)
    /// The statement lost against another transaction and may be tried again; nothing was changed.
    case conflict(String)
    /// What is stored is not what the schema says, or the file is damaged.
    case corrupt(String)
    /// The statement itself is wrong: a bug.
    case statement(String)
    /// A commit got no answer: it may have happened or not.
    case unknown(String)
    /// What the caller's position stands for was lost in a failover; nothing was read.
    case lost(String)
}

extension StorageError: CustomStringConvertible {
    /// The case and its reason in words.
    public var description: String {
        switch self {
        case .unavailable(let reason): "the database is unavailable: \(reason)"
        case .full(let reason): "no room left for the database: \(reason)"
        case .constraint(let reason): "a constraint refused the change: \(reason)"
        case .conflict(let reason): "lost against another transaction: \(reason)"
        case .corrupt(let reason): "the stored data is damaged: \(reason)"
        case .statement(let reason): "a wrong SQL statement: \(reason)"
        case .unknown(let reason): "a commit whose outcome is unknown: \(reason)"
        case .lost(let reason): "a write was lost in a failover: \(reason)"
        }
    }
}
