import Foundation

/// Runs a server under `strace`, for a ``DurabilityTrace``.
public struct SystemCallTracer: Sendable {
    /// The program.
    public static let program = "/usr/bin/strace"
    /// Whether this machine has it.
    public static var isAvailable: Bool { FileManager.default.isExecutableFile(atPath: program) }

    /// The file that takes the trace.
    public let output: String

    /// A tracer that writes into this file.
    public init(output: String) { self.output = output }

    /// What starts a program under the tracer: everything that moves bytes or syncs them, pages in full.
    public var command: [String] {
        let calls = [
            "fdatasync", "fsync", "write", "writev", "pwrite64", "pwritev", "sendto", "sendmsg", "read", "readv",
            "recvfrom", "recvmsg",
        ]
        // -D: the tracer steps aside, so that the process that was started is the traced one itself.
        return [
            Self.program, "-D", "-f", "-y", "-s", "8192", "-e", "trace=\(calls.joined(separator: ","))", "-o", output,
        ]
    }

    /// The whole trace of a process that has ended; the tracer may be some way behind.
    /// - Throws: ``PollTimeout``.
    public func trace(of process: PantryProcess, within limit: Duration = .seconds(20)) async throws -> DurabilityTrace
    {
        let text = try await Poll.until("the end of \(output)", within: limit) {
            let text = String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
            return Self.isComplete(text, process: Int(process.child.pid)) ? text : nil
        }
        return DurabilityTrace(text)
    }

    /// The last line that tells of a process says how it ended. Ids are padded with blanks.
    static func isComplete(_ trace: String, process: Int) -> Bool {
        trace.split(separator: "\n").suffix(200).contains { line in
            line.prefix { $0 != " " } == "\(process)" && line.contains(" +++ ")
        }
    }
}
