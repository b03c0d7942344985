/// Where the bytes of something long come from, part by part: a request's body, a file, a pipe.
package protocol ByteSource {
    /// The next part; nil at the end.
    mutating func next() async throws -> [UInt8]?
}

/// Bytes that are all there already.
package struct WholeSource: ByteSource {
    private var bytes: [UInt8]?
    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    package mutating func next() -> [UInt8]? {
        defer { bytes = nil }
        return bytes
    }
}
