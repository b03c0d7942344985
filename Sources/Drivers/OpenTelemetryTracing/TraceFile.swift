import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A file that cannot be written.
public struct TraceFileError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Which file, and why.
    public let description: String
}

/// A file of ExportTraceServiceRequests, one a line: what the OpenTelemetry collector's `otlpjsonfile` receiver reads.
/// It only ever grows; whoever keeps one for long rotates it.
public final class TraceFile: Sendable {
    private let descriptor: Mutex<Int32>
    private let path: String

    /// Opens the file to append to it, and creates it if it is not there.
    /// - Throws: ``TraceFileError``
    public init(path: String) throws(TraceFileError) {
        self.path = path
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw TraceFileError(description: Self.failure(path)) }
        descriptor = Mutex(opened)
    }

    deinit { descriptor.withLock { _ = close($0) } }

    /// Appends one line.
    public func append(_ request: [UInt8]) -> SpanDelivery {
        let line = request + [UInt8(ascii: "\n")]
        return descriptor.withLock { descriptor in
            var written = 0
            while written < line.count {
                let count = line[written...].withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return .refused(Self.failure(path)) }
                written += count
            }
            return .accepted
        }
    }

    private static func failure(_ path: String) -> String {
        "“\(path)” cannot be written: \(String(cString: strerror(errno)))"
    }
}
