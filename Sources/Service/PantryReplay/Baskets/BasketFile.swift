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

    /// The next piece; empty at the end.
    package func piece() throws(BasketFileError) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count >= 0 { return Array(buffer.prefix(count)) }
            let cause = errno
            guard cause == EINTR else {
                throw BasketFileError("“\(path)” cannot be read: \(String(cString: strerror(cause)))")
            }
        }
    }
}
