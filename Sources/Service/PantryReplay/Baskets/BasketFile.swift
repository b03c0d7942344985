import NIOPosix

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that is read piece by piece, so that its size does not matter.
package final class BasketFile: Sendable {
    private let descriptor: Int32
    private let path: String

    /// Opens a file; `-` is standard input.
    /// - Throws: ``BasketFileError`` with the path.
    package init(_ path: String) throws(BasketFileError) {
        self.path = path
        descriptor = path == "-" ? 0 : open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw BasketFileError("“\(path)” cannot be read: \(String(cString: strerror(errno)))")
        }
    }

    deinit { if descriptor > 0 { close(descriptor) } }

    /// The next piece; empty at the end, or once the sign is raised. Waiting for a pipe is done on a thread that may.
    package func piece(until stop: StopSign) async throws(BasketFileError) -> [UInt8] {
        do {
            return try await NIOThreadPool.singleton.runIfActive { try self.read(until: stop) }
        } catch {
            throw error as? BasketFileError ?? BasketFileError("“\(path)” cannot be read: \(error)")
        }
    }

    private func read(until stop: StopSign) throws(BasketFileError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while !stop.isRaised {
            var request = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
            // Now and then the sign is looked at.
            if poll(&request, 1, 100) == 0 { continue }
            let count = systemRead(descriptor, &buffer, buffer.count)
            if count >= 0 { return Array(buffer.prefix(count)) }
            let cause = errno
            guard cause == EINTR || cause == EAGAIN else {
                throw BasketFileError("“\(path)” cannot be read: \(String(cString: strerror(cause)))")
            }
        }
        return []
    }
}

/// `read` of the C library, which a method of that name would hide.
private func systemRead(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
