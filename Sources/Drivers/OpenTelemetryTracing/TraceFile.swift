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
    private struct State {
        let descriptor: Int32
        /// Whether the last line is there in part only.
        var isTorn = false
    }
    private let state: Mutex<State>
    private let path: String
    private let write: @Sendable (Int32, UnsafeRawBufferPointer) -> Int

    /// Opens the file to append to it, and creates it if it is not there.
    /// - Throws: ``TraceFileError``
    public convenience init(path: String) throws(TraceFileError) {
        #if canImport(Glibc)
            try self.init(path: path) { Glibc.write($0, $1.baseAddress, $1.count) }
        #elseif canImport(Musl)
            try self.init(path: path) { Musl.write($0, $1.baseAddress, $1.count) }
        #else
            try self.init(path: path) { Darwin.write($0, $1.baseAddress, $1.count) }
        #endif
    }

    init(
        path: String, write: @escaping @Sendable (Int32, UnsafeRawBufferPointer) -> Int
    ) throws(TraceFileError) {
        (self.path, self.write) = (path, write)
        let opened = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard opened >= 0 else { throw TraceFileError(description: Self.failure(path)) }
        state = Mutex(State(descriptor: opened))
    }

    deinit { state.withLock { _ = close($0.descriptor) } }

    /// Appends one line.
    public func append(_ request: [UInt8]) -> SpanDelivery {
        let end = [UInt8(ascii: "\n")]
        return state.withLock { state in
            // What a full disk has cut off is lost, and must not take this line with it.
            let line = (state.isTorn ? end : []) + request + end
            var written = 0
            while written < line.count {
                let count = line[written...].withUnsafeBytes { write(state.descriptor, $0) }
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    let failure = Self.failure(path)
                    state.isTorn = state.isTorn || written > 0
                    return .refused(failure)
                }
                written += count
            }
            state.isTorn = false
            return .accepted
        }
    }

    private static func failure(_ path: String) -> String {
        "“\(path)” cannot be written: \(String(cString: strerror(errno)))"
    }
}
