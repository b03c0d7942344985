import Determinism
import Foundation
import Synchronization

/// How a process ended.
public enum ProcessExit: Sendable, Hashable, CustomStringConvertible {
    /// By itself, with this status.
    case status(Int32)
    /// By a signal.
    case signal(Int32)

    /// Whether it ended by itself and says that all is well.
    public var isSuccess: Bool { self == .status(0) }

    /// In words.
    public var description: String {
        switch self {
        case .status(let status): "ended with status \(status)"
        case .signal(let signal): "was ended by signal \(signal)"
        }
    }
}

/// A program could not be started.
public struct SpawnError: Error, CustomStringConvertible {
    /// The program and why not.
    public let description: String

    /// An error with this text.
    public init(description: String) { self.description = description }
}

/// A child process that writes into files. It is killed when its owner forgets it.
///
/// Made with `posix_spawn` rather than Foundation's `Process`: the child starts with no blocked signals (worker threads
/// block SIGTERM, and a child inherits that), and no thread waits for its end. It inherits no open file but `input`:
/// who waits for the end of a pipe would wait for every child that has a copy of its other end.
public final class ChildProcess: Sendable {
    /// The process id, valid until the end was seen.
    public let pid: pid_t
    private let exit = Mutex<ProcessExit?>(nil)

    /// Starts a program.
    /// - Parameters:
    ///   - environment: all of the program's variables; nothing is inherited.
    ///   - input: the open file that is standard input; it stays the caller's. Nil for none.
    ///   - output: the file that takes standard output.
    ///   - errors: the file that takes standard error.
    /// - Throws: ``SpawnError``.
    public init(
        _ executable: String, _ arguments: [String], environment: [String: String], input: Int32? = nil, output: String,
        errors: String
    ) throws(SpawnError) {
        let spawned = Self.spawn(
            executable, [executable] + arguments, environment.map { "\($0.key)=\($0.value)" }, input, output, errors)
        guard case .success(let pid) = spawned else {
            if case .failure(let error) = spawned { throw error }
            throw SpawnError(description: "\(executable) did not start")
        }
        self.pid = pid
    }

    deinit { killAndReap() }

    /// How it ended, or nil while it runs.
    public func poll() -> ProcessExit? {
        exit.withLock { exit in
            if exit == nil { exit = Self.reap(pid, WNOHANG) }
            return exit
        }
    }

    /// Kills it, unless it has ended, and blocks for the moment until it is gone.
    public func killAndReap() {
        exit.withLock { exit in
            guard exit == nil else { return }
            kill(pid, SIGKILL)
            exit = Self.reap(pid, 0)
        }
    }

    private static func reap(_ pid: pid_t, _ options: Int32) -> ProcessExit? {
        var status: Int32 = 0
        guard waitpid(pid, &status, options) == pid else { return nil }
        let signal = status & 0x7F
        return signal == 0 ? .status((status >> 8) & 0xFF) : .signal(signal)
    }

    /// Sends a signal, unless the end has been seen: its id may belong to somebody else by then.
    public func send(_ signal: Int32) {
        exit.withLock { exit in
            if exit == nil { _ = kill(pid, signal) }
        }
    }

    /// Waits for the end.
    /// - Throws: ``PollTimeout`` when it still runs at the deadline.
    @discardableResult
    public func ended(within limit: Duration = .seconds(10)) async throws -> ProcessExit {
        try await Poll.until("the end of process \(pid)", within: limit, every: .milliseconds(2)) { poll() }
    }

    private static let starts = Mutex(())

    /// Runs `body` while no child starts, so that a file that it opens and marks as not to be inherited never is.
    public static func whileNoneStarts<Value: Sendable>(_ body: () -> Value) -> Value {
        starts.withLock { _ in body() }
    }

    #if os(Linux)
        /// Of glibc 2.34, which declares it for those only who ask for all that is GNU.
        private static let closeFrom = dlsym(nil, "posix_spawn_file_actions_addclosefrom_np").map {
            unsafeBitCast($0, to: AddCloseFrom.self)
        }
        private typealias AddCloseFrom =
            @convention(c) (
                UnsafeMutablePointer<posix_spawn_file_actions_t>, Int32
            ) -> Int32
    #endif

    private static func spawn(
        _ executable: String, _ arguments: [String], _ environment: [String], _ input: Int32?, _ output: String,
        _ errors: String
    ) -> Result<pid_t, SpawnError> {
        #if os(Linux)
            var actions = posix_spawn_file_actions_t()
            var attributes = posix_spawnattr_t()
        #else
            var actions: posix_spawn_file_actions_t?
            var attributes: posix_spawnattr_t?
        #endif
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
        #if os(Linux)
            _ = closeFrom?(&actions, 3)
            let inheritance: Int16 = 0
        #else
            let inheritance = Int16(POSIX_SPAWN_CLOEXEC_DEFAULT)
        #endif
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        let signals = Int16(POSIX_SPAWN_SETSIGMASK) | Int16(POSIX_SPAWN_SETSIGDEF)
        posix_spawnattr_setflags(&attributes, signals | inheritance)

        var argumentPointers = arguments.map { strdup($0) } + [nil]
        var environmentPointers = environment.map { strdup($0) } + [nil]
        defer { for pointer in argumentPointers + environmentPointers { free(pointer) } }
        var pid: pid_t = 0
        let failure = starts.withLock { _ in
            posix_spawn(&pid, executable, &actions, &attributes, &argumentPointers, &environmentPointers)
        }
        guard failure == 0 else {
            return .failure(
                SpawnError(description: "\(executable) did not start: \(String(cString: strerror(failure)))"))
        }
        return .success(pid)
    }
}
