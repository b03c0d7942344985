import Foundation
import ProcessTestKit
import Synchronization

/// One real PostgreSQL server with a data folder of its own, which a test may start, stop, kill, suspend and configure.
/// Made by a ``PostgresTestbed``.
public final class PostgresServer: Sendable {
    /// How a server is asked to stop.
    public enum StopMode: Sendable, Hashable {
        /// Waits until clients have left (SIGTERM).
        case smart
        /// Ends clients' transactions and writes a checkpoint (SIGINT).
        case fast
        /// Ends at once; the next start recovers from the log (SIGQUIT).
        case immediate
    }

    /// Its name, which is also the `application_name` of a replica.
    public let name: String
    /// Its port of 127.0.0.1; stays the same over restarts.
    public let port: Int
    /// Holds everything that is its own.
    public let folder: URL
    /// The superuser `postgres`'s password, valid whether or not it is asked for.
    public let password: String

    struct State {
        var options: PostgresOptions
        var role: ReplicaRole?
        var process: ChildProcess?
        /// Backends that were suspended.
        var suspended: [pid_t] = []
    }
    let state: Mutex<State>
    let programs: PostgresPrograms

    /// The data folder.
    public var dataFolder: URL { folder.appendingPathComponent("data") }
    /// Where the Unix socket is, if it has one.
    public var socketFolder: URL { folder.appendingPathComponent("socket") }
    /// The certificate that it shows, if it offers TLS; it is its own authority (`sslrootcert`).
    public var certificateFile: URL { folder.appendingPathComponent("server.crt") }
    /// All that it has logged.
    public var log: String {
        String(decoding: FileManager.default.contents(atPath: logFile.path) ?? Data(), as: UTF8.self)
    }
    private var logFile: URL { folder.appendingPathComponent("log.txt") }

    init(name: String, folder: URL, options: PostgresOptions, role: ReplicaRole?, site: PostgresTemplate.Site) throws {
        (self.name, self.folder, password, programs) = (name, folder, site.password, site.programs)
        port = try LoopbackPort.next()
        state = Mutex(State(options: options, role: role))
    }

    /// The connection string, for libpq and for anything that reads its URLs.
    /// - Parameter more: more parameters, such as `sslmode=require`.
    public func url(database: String = "postgres", user: String = "postgres", _ more: String...) -> String {
        let parameters = more.isEmpty ? "" : "?" + more.joined(separator: "&")
        return "postgresql://\(user):\(password)@127.0.0.1:\(port)/\(database)\(parameters)"
    }

    /// The postmaster's process id, or nil when it does not run.
    public var pid: pid_t? {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return nil }
            return process.pid
        }
    }

    /// Whether it runs, suspended or not.
    public var isRunning: Bool { pid != nil }

    // MARK: Starting and stopping

    /// Starts it and waits until it takes connections.
    /// - Throws: ``PostgresFailure`` when it ends or is not ready in time, with the end of its log.
    public func start(within limit: Duration = .seconds(60)) async throws {
        guard !isRunning else { throw PostgresFailure(what: "\(name) runs already", log: log) }
        try writeConfiguration()
        let command = programs.command(programs.path("postgres"), ["-D", dataFolder.path], in: dataFolder)
        let process = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: programs.environment(), output: logFile.path,
            errors: logFile.path)
        state.withLock { ($0.process, $0.suspended) = (process, []) }
        do {
            try await Poll.untilTrue("\(name)'s readiness", within: limit, every: .milliseconds(2)) {
                if let exit = process.poll() {
                    throw PostgresFailure(what: "\(name) \(exit) before it was ready", log: log)
                }
                return isReady(process.pid)
            }
        } catch let error as PollTimeout {
            throw PostgresFailure(what: error.description, log: log)
        }
    }

    /// The last line of `postmaster.pid` says `ready` once connections are taken (that is how `pg_ctl -w` knows too).
    private func isReady(_ pid: pid_t) -> Bool {
        guard let data = FileManager.default.contents(atPath: dataFolder.appendingPathComponent("postmaster.pid").path)
        else { return false }
        let lines = String(decoding: data, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
        return lines.count >= 8 && lines[0] == "\(pid)" && lines[7].hasPrefix("ready")
    }

    /// Stops it and waits for its end. Nothing happens when it does not run; a suspended server is resumed first.
    public func stop(_ mode: StopMode = .fast, within limit: Duration = .seconds(30)) async throws {
        guard let process = state.withLock({ $0.process }), process.poll() == nil else { return }
        resume()
        let children = Self.children(of: process.pid)
        switch mode {
        case .smart: process.send(SIGTERM)
        case .fast: process.send(SIGINT)
        case .immediate: process.send(SIGQUIT)
        }
        do {
            try await process.ended(within: limit)
            try await Self.wait(untilGone: children)
        } catch let error as PollTimeout {
            throw PostgresFailure(what: "\(name): \(error.description)", log: log)
        }
    }

    /// Stops it and starts it on the same port.
    public func restart(_ mode: StopMode = .fast) async throws {
        try await stop(mode)
        try await start()
    }

    /// Kills all its processes with SIGKILL, as a crash of the machine would, and waits until they are gone. What it
    /// wrote and did not sync is still in the kernel's cache: this is no power failure.
    public func kill9() async throws {
        guard let process = state.withLock({ $0.process }), process.poll() == nil else { return }
        // Stopped first, so that it starts no further process between the listing and the end.
        process.send(SIGSTOP)
        let children = Self.children(of: process.pid)
        process.send(SIGKILL)
        for child in children { kill(child, SIGKILL) }
        try await process.ended()
        // A backend that is still there would keep the shared memory, and the next start would refuse.
        try await Self.wait(untilGone: children)
        state.withLock { $0.suspended = [] }
    }

    /// Stops all its processes (SIGSTOP): connections stay open and nothing answers, until ``resume()``.
    public func suspend() {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return }
            process.send(SIGSTOP)
            let children = Self.children(of: process.pid)
            for child in children { kill(child, SIGSTOP) }
            state.suspended = children
        }
    }

    /// Stops the process that takes connections (SIGSTOP): those that are there go on, and new ones wait, until
    /// ``resume()``.
    public func suspendPostmaster() {
        state.withLock { state in
            if let process = state.process, process.poll() == nil { process.send(SIGSTOP) }
        }
    }

    /// Lets suspended processes go on.
    public func resume() {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return }
            for child in state.suspended { kill(child, SIGCONT) }
            process.send(SIGCONT)
            state.suspended = []
        }
    }

    /// For when a testbed ends: no wait, no error.
    func killAndReap() {
        state.withLock { state in
            guard let process = state.process, process.poll() == nil else { return }
            process.send(SIGSTOP)
            let children = Self.children(of: process.pid)
            process.killAndReap()
            for child in children { kill(child, SIGKILL) }
        }
    }

    // MARK: Processes

    /// The ids of a process's children.
    static func children(of pid: pid_t) -> [pid_t] {
        #if os(Linux)
            let text = FileManager.default.contents(atPath: "/proc/\(pid)/task/\(pid)/children") ?? Data()
            return String(decoding: text, as: UTF8.self).split(separator: " ").compactMap { pid_t($0) }
        #else
            var ids = [pid_t](repeating: 0, count: 1_024)
            let count = proc_listchildpids(pid, &ids, Int32(ids.count * MemoryLayout<pid_t>.size))
            return Array(ids.prefix(max(0, Int(count))))
        #endif
    }

    private static func wait(untilGone processes: [pid_t]) async throws {
        try await Poll.untilTrue("the end of processes \(processes)", every: .milliseconds(2)) {
            processes.allSatisfy(isGone)
        }
    }

    /// Whether it holds nothing any more. A zombie, which nobody has reaped yet, does not.
    private static func isGone(_ pid: pid_t) -> Bool {
        #if os(Linux)
            guard let status = FileManager.default.contents(atPath: "/proc/\(pid)/stat") else { return true }
            let text = String(decoding: status, as: UTF8.self)
            return text[(text.lastIndex(of: ")") ?? text.startIndex)...].dropFirst(2).first == "Z"
        #else
            return kill(pid, 0) != 0
        #endif
    }
}
