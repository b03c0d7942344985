#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One `serve` for each directory of SQLite files: an exclusive lock that the operating system gives back when the
/// process ends, however it ends.
package final class DirectoryLock: Sendable {
    private let descriptor: Int32

    private init(descriptor: Int32) { self.descriptor = descriptor }
    deinit { close(descriptor) }

    /// Locks the data directory, which is made where it is missing, and every other one that holds a SQLite file of the
    /// configuration: a server beside this one may name the same files from a data directory of its own.
    /// - Throws: ``AssemblyError``
    static func acquire(_ configuration: PantryConfiguration) throws(AssemblyError) -> [DirectoryLock] {
        var locks = [try acquire(configuration.data.directory)]
        var locked = Set([Identity(configuration.data.directory)])
        for case .sqlite(let path) in [configuration.control.url] + configuration.shards.map(\.primary) {
            let end = path.lastIndex(of: "/") ?? path.startIndex
            let directory = end == path.startIndex ? "/" : String(path[..<end])
            // One that is not there is told of when the database is opened.
            guard let identity = Identity(directory), locked.insert(identity).inserted else { continue }
            locks.append(try acquire(directory))
        }
        return locks
    }

    /// Which directory it is, whatever it is called: there are links, and there is more than one way to a place.
    private struct Identity: Hashable {
        let device: UInt64
        let number: UInt64

        /// nil where there is none.
        init?(_ path: String) {
            var status = stat()
            guard stat(path, &status) == 0 else { return nil }
            (device, number) = (UInt64(status.st_dev), UInt64(status.st_ino))
        }
    }

    /// Creates the directory where it is missing, and locks it.
    /// - Throws: ``AssemblyError`` when another process holds it, or it cannot be made or written.
    package static func acquire(_ directory: String) throws(AssemblyError) -> DirectoryLock {
        try DataDirectory.create(directory)
        let path = "\(directory)/pantry.lock"
        let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else {
            throw AssemblyError("“\(path)” cannot be opened: \(reason()). The directory must be writable.")
        }
        guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
            let cause = errno
            close(descriptor)
            if cause == EWOULDBLOCK {
                throw AssemblyError(
                    "another Pantry is running on “\(directory)”. One server owns a directory and the SQLite files "
                        + "in it: stop that one, or give this one a data.directory and files of its own.")
            }
            throw AssemblyError("“\(path)” cannot be locked: \(String(cString: strerror(cause)))")
        }
        return DirectoryLock(descriptor: descriptor)
    }
}

/// The directory with the SQLite files, and the small secret files in it.
package enum DataDirectory {
    static func create(_ path: String) throws(AssemblyError) {
        var prefix = ""
        for part in path.split(separator: "/", omittingEmptySubsequences: true) {
            prefix += "/\(part)"
            if mkdir(prefix, 0o700) != 0, errno != EEXIST, errno != EISDIR, errno != EROFS || access(prefix, F_OK) != 0
            {
                throw AssemblyError("the data directory “\(path)” cannot be made: \(reason())")
            }
        }
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else {
            throw AssemblyError("data.directory “\(path)” is not a directory")
        }
        guard access(path, W_OK | X_OK) == 0 else {
            throw AssemblyError("the data directory “\(path)” is not writable: \(reason())")
        }
    }

    /// Makes an empty file that only its owner may read, unless there is one: SQLite would let everybody on the machine
    /// read it, and the control database holds the fleet's secret. Whatever is wrong, opening the database tells.
    static func createPrivate(_ path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        if descriptor >= 0 { close(descriptor) }
    }

    /// Whether there is a file at that path, or something that cannot be looked at.
    static func holds(_ path: String) -> Bool { access(path, F_OK) == 0 || errno != ENOENT && errno != ENOTDIR }

    /// The first line of a small file; nil when there is no such file.
    package static func readSecret(_ path: String) throws(AssemblyError) -> String? {
        let descriptor = open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            if errno == ENOENT { return nil }
            throw AssemblyError("“\(path)” cannot be read: \(reason())")
        }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: 4_096)
        let count = read(descriptor, &bytes, bytes.count)
        guard count >= 0 else { throw AssemblyError("“\(path)” cannot be read: \(reason())") }
        return String(decoding: bytes.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
    }

    /// Writes a small file that only its owner may read, all of it or nothing: a crash leaves the old one or none.
    package static func writeSecret(_ text: String, to path: String) throws(AssemblyError) {
        let temporary = "\(path).new"
        unlink(temporary)
        let descriptor = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { throw AssemblyError("“\(temporary)” cannot be written: \(reason())") }
        let bytes = Array("\(text)\n".utf8)
        let written = write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
        close(descriptor)
        guard written, rename(temporary, path) == 0 else {
            throw AssemblyError("“\(path)” cannot be written: \(reason())")
        }
    }
}

private func reason() -> String { String(cString: strerror(errno)) }

/// Why a server cannot be put together; the text says what would be right.
package struct AssemblyError: Error, Sendable, CustomStringConvertible {
    package let description: String
    package init(_ description: String) { self.description = description }
}
