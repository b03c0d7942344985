import NIOCore

/// Reads a connection's requests one after the other: a head, and then as much of its body as somebody wants.
struct InputReader {
    typealias Parts = NIOAsyncChannelInboundStream<InboundPart>
    typealias Writer = NIOAsyncChannelOutboundWriter<OutboundPart>

    /// A body that nobody wanted is read to its end up to this size, to keep the connection. Beyond it, closing is
    /// cheaper.
    private static let discardLimit = 64 * 1024
    private static let proceed = ByteBuffer(string: "HTTP/1.1 100 Continue\r\n\r\n")

    private var parts: Parts.AsyncIterator
    private let writer: Writer
    /// The body of the present request that is still to come.
    private var remaining = BodyFraming.none
    private var awaitsProceed = false
    /// Nothing more can be read, so nothing can follow either.
    private var isBroken = false

    init(parts: Parts, writer: Writer) {
        self.parts = parts.makeAsyncIterator()
        self.writer = writer
    }

    /// Whether the next request can follow on this connection: the body has been read, or is small and on its way.
    var canContinue: Bool {
        switch remaining {
        case .none: !isBroken
        case .length(let length): !isBroken && !awaitsProceed && length <= Self.discardLimit
        case .chunked: false
        }
    }

    /// - Returns: nil when the client has ended its side.
    mutating func nextHead() async throws(InputFault) -> RequestHead? {
        guard let part = try await nextPart() else { return nil }
        guard case .head(let head) = part else { throw .gone }
        remaining = head.framing
        awaitsProceed = head.expectation == .proceed
        return head
    }

    /// The whole body, of at most `limit` bytes.
    mutating func body(limit: Int) async throws -> [UInt8] {
        var bytes: [UInt8] = []
        switch remaining {
        case .none: return bytes
        case .length(let length):
            guard length <= limit else { throw Problem.bodyTooLarge(limit: limit) }
            bytes.reserveCapacity(length)
        case .chunked: break
        }
        try await proceedIfAwaited()
        while let buffer = try await nextPiece() {
            guard bytes.count + buffer.readableBytes <= limit else { throw Problem.bodyTooLarge(limit: limit) }
            bytes.append(contentsOf: buffer.readableBytesView)
        }
        return bytes
    }

    /// Has the listener told from now on when the client goes away, until the present request is answered.
    func listen(_ listener: Listener) async throws(InputFault) {
        do { try await writer.write(.listens(listener)) } catch { throw .gone }
    }

    /// Has the body read in parts from now on, each of which may take `stall` to come.
    mutating func beginStream(stall: Duration) async throws(InputFault) {
        guard remaining != .none else { return }
        do { try await writer.write(.bodyStreams(stall: stall)) } catch { throw .gone }
    }

    /// The next part of a streamed body; nil at its end.
    mutating func nextStreamed() async throws(InputFault) -> ByteBuffer? {
        guard remaining != .none else { return nil }
        try await proceedIfAwaited()
        return try await nextPiece()
    }

    /// The length that the body says it has; nil for one that does not say.
    var declaredLength: Int? {
        if case .length(let length) = remaining { length } else { nil }
    }

    private mutating func proceedIfAwaited() async throws(InputFault) {
        guard awaitsProceed else { return }
        awaitsProceed = false
        do { try await writer.write(.interim(Self.proceed)) } catch { throw .gone }
    }

    /// Reads what is left of the body, for the next request's sake. Only after `canContinue`.
    mutating func discardBody() async throws(InputFault) {
        while try await nextPiece() != nil {}
    }

    private mutating func nextPiece() async throws(InputFault) -> ByteBuffer? {
        guard remaining != .none else { return nil }
        switch try await nextPart() {
        case .body(let buffer):
            if case .length(let length) = remaining { remaining = .length(length - buffer.readableBytes) }
            return buffer
        case .end:
            remaining = .none
            return nil
        case .head, nil: throw .gone
        }
    }

    private mutating func nextPart() async throws(InputFault) -> InboundPart? {
        do {
            return try await parts.next()
        } catch {
            isBroken = true
            throw InputFault(error)
        }
    }
}
