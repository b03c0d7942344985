import Foundation
import NIOCore
import NIOPosix
import PantryHTTP

/// A file that is read part by part, or standard input. Reading waits on a thread of its own kind: a pipe may take its
/// time.
final class InputFile: Sendable {
    private static let partSize = 64 * 1024
    let name: String
    /// nil for what is no regular file.
    let size: Int64?
    private let descriptor: Int32

    /// - Parameter path: `-` for standard input.
    init(_ path: String) throws(CommandFailure) {
        name = path == "-" ? "standard input" : path
        descriptor = path == "-" ? STDIN_FILENO : open(path, O_RDONLY)
        guard descriptor >= 0 else { throw Self.unreadable(path, errno) }
        var status = stat()
        guard fstat(descriptor, &status) == 0 else { throw Self.unreadable(path, errno) }
        let kind = status.st_mode & S_IFMT
        guard kind != S_IFDIR else { throw Self.unreadable(path, EISDIR) }
        size = kind == S_IFREG ? Int64(status.st_size) : nil
    }

    deinit { if descriptor > STDERR_FILENO { close(descriptor) } }

    /// The next part; nil at the end.
    func read() async throws -> [UInt8]? {
        let (descriptor, name) = (descriptor, name)
        return try await NIOThreadPool.singleton.runIfActive {
            while true {
                var part = [UInt8](repeating: 0, count: Self.partSize)
                let count = Foundation.read(descriptor, &part, part.count)
                if count >= 0 { return count == 0 ? nil : Array(part.prefix(count)) }
                guard errno == EINTR else { throw Self.unreadable(name, errno) }
            }
        }
    }

    private static func unreadable(_ name: String, _ fault: Int32) -> CommandFailure {
        CommandFailure(.failed, "“\(name)” cannot be read: \(String(cString: strerror(fault)))")
    }
}

/// The file's parts, for whoever takes bytes in turn.
struct InputFileParts: ByteSource, AsyncSequence, AsyncIteratorProtocol, Sendable {
    let file: InputFile
    let bar: ProgressBar

    mutating func next() async throws -> [UInt8]? {
        guard let part = try await file.read() else { return nil }
        bar.advance(by: Int64(part.count))
        return part
    }
    func makeAsyncIterator() -> InputFileParts { self }
}
