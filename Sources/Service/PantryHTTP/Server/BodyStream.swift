import NIOCore

/// A request's body as it comes. It is read no faster than its handler asks, so that memory stays bounded by a few
/// parts, however long the body is.
///
/// A handler may stop anywhere: what it leaves unread is treated like the rest of any refused body.
package struct BodyStream: ByteSource {
    private(set) var input: InputReader
    private let limit: Int
    private let configuration: HTTPServerConfiguration
    private var count = 0

    init(_ input: InputReader, limit: Int, _ configuration: HTTPServerConfiguration) {
        (self.input, self.limit, self.configuration) = (input, limit, configuration)
    }

    /// The next part; nil at the end of the body.
    ///
    /// - Throws: `Problem` 413 beyond the route's limit, 408 when the client stalls, 400 when this is no body. When the
    ///   client is gone, an error that nobody can be told of.
    package mutating func next() async throws -> [UInt8]? {
        let buffer: ByteBuffer?
        do throws(InputFault) { buffer = try await input.nextStreamed() } catch {
            if let problem = configuration.problem(for: error) { throw problem }
            throw error
        }
        guard let buffer else { return nil }
        count += buffer.readableBytes
        guard count <= limit else { throw Problem.bodyTooLarge(limit: limit) }
        return Array(buffer.readableBytesView)
    }
}
