import Determinism
import Foundation
import Synchronization

/// The server did not come up.
public struct StartFailure: Error, CustomStringConvertible {
    /// What happened instead.
    public let what: String
    /// The end of what it wrote to standard error.
    public let errors: String

    /// A failure of a server that wrote `errors`.
    public init(what: String, errors: String) { (self.what, self.errors) = (what, errors) }

    /// Both.
    public var description: String { "\(what). Its messages end with:\n\(errors.suffix(2_000))" }
}

/// One run of `pantry serve`.
public final class PantryProcess: Sendable {
    /// What became of a start.
    public enum Readiness: Sendable, Hashable {
        /// `/readyz` says 200.
        case ready
        /// It ended before that.
        case ended(ProcessExit)
    }

    /// The process. With a tracer that does not step aside, this is the tracer.
    public let child: ChildProcess
    private let errors: URL
    private let knownPort = Mutex<Int?>(nil)

    init(_ command: [String], environment: [String: String], output: URL, errors: URL) throws {
        self.errors = errors
        child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: environment, output: output.path, errors: errors.path)
    }

    /// What it has written to standard error.
    public var errorText: String {
        String(decoding: FileManager.default.contents(atPath: errors.path) ?? Data(), as: UTF8.self)
    }

    /// The port that it says it listens on, or nil as long as it does not.
    public var port: Int? {
        knownPort.withLock { port in
            if port == nil { port = Self.port(in: errorText) }
            return port
        }
    }

    /// Finds `listening on http://HOST:PORT` in messages; the last one counts. JSON may have escaped the slashes.
    static func port(in text: String) -> Int? {
        let plain = text.replacingOccurrences(of: "\\/", with: "/")
        let mark = "listening on http://"
        guard let start = plain.range(of: mark, options: .backwards)?.upperBound else { return nil }
        let address = plain[start...].prefix { !$0.isWhitespace && $0 != "\"" && $0 != "/" && $0 != "," }
        let digits = address.reversed().drop { !$0.isNumber }.prefix { $0.isNumber }.reversed()
        return Int(String(digits))
    }

    /// A client of this server.
    /// - Throws: ``StartFailure`` when it does not listen yet.
    public func client() throws(StartFailure) -> PantryClient {
        guard let port else { throw StartFailure(what: "the server does not listen", errors: errorText) }
        return PantryClient(port: port)
    }

    /// Waits until it listens, or has ended.
    /// - Throws: ``StartFailure`` at the deadline.
    public func listening(within limit: Duration = .seconds(30)) async throws -> Readiness {
        try await orStartFailure(limit) {
            if let exit = child.poll() { return .ended(exit) }
            return port == nil ? nil : .ready
        }
    }

    /// Waits until `/readyz` says 200, or it has ended.
    /// - Throws: ``StartFailure`` at the deadline.
    public func readiness(within limit: Duration = .seconds(30)) async throws -> Readiness {
        try await orStartFailure(limit) {
            if let exit = child.poll() { return .ended(exit) }
            guard let port else { return nil }
            return await PantryClient(port: port).get("/readyz").status == 200 ? .ready : nil
        }
    }

    private func orStartFailure(
        _ limit: Duration, _ probe: () async throws -> Readiness?
    ) async throws -> Readiness {
        do {
            return try await Poll.until("the server's readiness", within: limit, every: .milliseconds(5), probe)
        } catch let error as PollTimeout {
            throw StartFailure(what: error.description, errors: errorText)
        }
    }

    /// SIGKILL: no code of its own runs any more.
    public func kill() { child.send(SIGKILL) }
    /// SIGTERM: asks for a graceful stop.
    public func terminate() { child.send(SIGTERM) }
    /// SIGSTOP: nothing moves until ``resume()``.
    public func pause() { child.send(SIGSTOP) }
    /// SIGCONT.
    public func resume() { child.send(SIGCONT) }

    /// Waits for the end.
    /// - Throws: ``PollTimeout`` when it still runs at the deadline.
    @discardableResult
    public func ended(within limit: Duration = .seconds(10)) async throws -> ProcessExit {
        try await child.ended(within: limit)
    }

    /// Kills it and waits for its end.
    public func killAndWait() async throws {
        kill()
        try await ended()
    }
}
