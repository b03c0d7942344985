import Foundation
import ProcessTestKit
import RateLimiting
import Synchronization

/// A real redis-server of this test's own, on a Unix socket in a temporary folder, that keeps nothing.
final class RedisServer: Sendable {
    private let process: ChildProcess
    private let folder: URL
    private let client: Mutex<RedisClient>

    static var executable: String? {
        ["/usr/bin/redis-server", "/usr/local/bin/redis-server", "/opt/homebrew/bin/redis-server"].first {
            FileManager.default.isExecutableFile(atPath: $0)
        }
    }
    static var isInstalled: Bool { executable != nil }

    init() async throws {
        let folder = URL(fileURLWithPath: NSTemporaryDirectory()).appendingPathComponent("rl-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        let socket = folder.appendingPathComponent("s").path
        process = try ChildProcess(
            Self.executable ?? "redis-server",
            ["--port", "0", "--unixsocket", socket, "--save", "", "--appendonly", "no", "--dir", folder.path],
            environment: Program.scrubbedEnvironment(), output: folder.appendingPathComponent("log").path,
            errors: folder.appendingPathComponent("errors").path)
        self.folder = folder
        let client = try await Poll.until("redis-server") { RedisClient(path: socket) }
        self.client = Mutex(client)
    }

    deinit {
        client.withLock { $0.end() }
        process.killAndReap()
        try? FileManager.default.removeItem(at: folder)
    }

    func command(_ words: [String]) throws -> RedisReply { try client.withLock { try $0.command(words) } }

    func load() throws -> String {
        guard case .text(let digest) = try command(["SCRIPT", "LOAD", RateLimitScript.text]) else {
            throw RedisFailure(description: "no digest")
        }
        return digest
    }

    /// One decision by the script, in one call.
    func decide(_ call: RateLimitScriptCall, digest: String) throws -> RateLimitDecision {
        let reply = try command(["EVALSHA", digest, "\(call.keys.count)"] + call.keys + call.arguments)
        return try call.decision(from: try reply.integers())
    }
}

struct RedisFailure: Error, CustomStringConvertible {
    let description: String
}

enum RedisReply {
    case text(String)
    case integer(Int64)
    case none
    case list([RedisReply])

    func integers() throws -> [Int64] {
        guard case .list(let replies) = self else { throw RedisFailure(description: "not a list: \(self)") }
        return try replies.map { reply in
            guard case .integer(let value) = reply else { throw RedisFailure(description: "no integer: \(reply)") }
            return value
        }
    }
}

/// As much of RESP2 as these tests need, over a blocking socket.
struct RedisClient {
    private let descriptor: Int32
    private var buffer: [UInt8] = []
    private var position = 0

    init?(path: String) {
        #if os(Linux)
            descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_UNIX, SOCK_STREAM, 0)
        #endif
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8.prefix($0.count - 1)) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let status = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        if status != 0 {
            close(descriptor)
            return nil
        }
    }

    func end() { close(descriptor) }

    mutating func command(_ words: [String]) throws -> RedisReply {
        var bytes = Array("*\(words.count)\r\n".utf8)
        for word in words { bytes += Array("$\(word.utf8.count)\r\n\(word)\r\n".utf8) }
        var sent = 0
        while sent < bytes.count {
            let count = bytes[sent...].withUnsafeBytes { send(descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { throw RedisFailure(description: "redis-server is gone") }
            sent += count
        }
        return try reply()
    }

    private mutating func reply() throws -> RedisReply {
        let line = try line()
        let rest = String(line.dropFirst())
        switch line.first {
        case "+": return .text(rest)
        case "-": throw RedisFailure(description: rest)
        case ":": return .integer(Int64(rest) ?? 0)
        case "$":
            guard let count = Int(rest), count >= 0 else { return .none }
            let bytes = try (0..<count + 2).map { _ in try byte() }
            return .text(String(decoding: bytes.dropLast(2), as: UTF8.self))
        case "*":
            guard let count = Int(rest), count >= 0 else { return .none }
            return .list(try (0..<count).map { _ in try reply() })
        default: throw RedisFailure(description: "not RESP: \(line)")
        }
    }

    private mutating func line() throws -> String {
        var bytes: [UInt8] = []
        while true {
            let next = try byte()
            if next == UInt8(ascii: "\n") { break }
            bytes.append(next)
        }
        return String(decoding: bytes.dropLast(), as: UTF8.self)
    }

    private mutating func byte() throws -> UInt8 {
        if position == buffer.count {
            buffer = [UInt8](repeating: 0, count: 65_536)
            let count = buffer.withUnsafeMutableBytes { recv(descriptor, $0.baseAddress, $0.count, 0) }
            guard count > 0 else { throw RedisFailure(description: "redis-server is gone") }
            buffer.removeLast(buffer.count - count)
            position = 0
        }
        defer { position += 1 }
        return buffer[position]
    }
}
