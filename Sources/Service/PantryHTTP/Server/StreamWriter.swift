/// Where the producer of a streamed answer puts its bytes.
package struct StreamWriter: Sendable {
    private let send: @Sendable ([UInt8]) async throws -> Void

    package init(_ send: @escaping @Sendable ([UInt8]) async throws -> Void) {
        self.send = send
    }

    /// Sends bytes, and returns once the client's socket has taken them: whoever produces faster than the client reads
    /// waits here, and one part at most is in memory. One write at a time.
    ///
    /// - Throws: `CancellationError` when the stream has been ended, else when nothing can be sent any more.
    package func write(_ bytes: [UInt8]) async throws {
        try Task.checkCancellation()
        // An empty chunk would be the last one.
        if !bytes.isEmpty { try await send(bytes) }
    }

    /// The same for a text.
    package func write(_ text: String) async throws { try await write(Array(text.utf8)) }
}
