import GRDB
import GRDBSQLite
import Storage

extension StorageError {
    /// What an error of SQLite, of GRDB or of a decoder means for the caller.
    init(_ error: any Error, path: String) {
        switch error {
        case let error as StorageError: self = error
        case let error as SQLiteFailure: self.init(code: error.code, message: error.message, path: path)
        case let error as DatabaseError:
            self.init(code: error.extendedResultCode.rawValue, message: error.message ?? "no message", path: path)
        default: self = .unavailable("“\(path)”: \(error)")
        }
    }

    private init(code: Int32, message: String, path: String) {
        let reason = "“\(path)”: \(message) (SQLite result \(code))"
        switch code & 0xFF {
        case SQLITE_CONSTRAINT: self = .constraint(reason)
        case SQLITE_BUSY, SQLITE_LOCKED: self = .conflict(reason)
        case SQLITE_FULL: self = .full(reason)
        case SQLITE_CORRUPT, SQLITE_NOTADB, SQLITE_FORMAT: self = .corrupt(reason)
        case SQLITE_READONLY, SQLITE_PERM:
            self = .readOnly(reason)
        case SQLITE_CANTOPEN:
            self = .unavailable("\(reason); the folder must exist and be accessible to the user that runs Pantry")
        case SQLITE_ERROR, SQLITE_MISUSE, SQLITE_RANGE, SQLITE_MISMATCH: self = .statement(reason)
        default: self = .unavailable(reason)
        }
    }

    /// The file cannot be written.
    static func readOnly(_ reason: String) -> StorageError {
        .unavailable("\(reason); the file and its folder must be writable by the user that runs Pantry")
    }

    /// The same error when it came from `COMMIT`: a failed sync may have left the frames on the disk, to be found again
    /// after a crash.
    var fromCommit: StorageError {
        switch self {
        case .unavailable(let reason): .unknown(reason)
        default: self
        }
    }
}
