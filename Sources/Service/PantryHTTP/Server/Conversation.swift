import HTTPTypes
import NIOCore

/// The requests of one connection, one after the other, each with its answer.
struct Conversation {
    private let responder: Responder
    private let peer: Peer
    private let encoder: AnswerEncoder
    private let writer: InputReader.Writer
    private var input: InputReader

    init(
        responder: Responder, peer: Peer, allocator: ByteBufferAllocator, parts: InputReader.Parts,
        writer: InputReader.Writer
    ) {
        self.responder = responder
        self.peer = peer
        encoder = AnswerEncoder(allocator: allocator)
        self.writer = writer
        input = InputReader(parts: parts, writer: writer)
    }

    /// Answers until either side wants no more.
    ///
    /// - Throws: when the connection is broken.
    mutating func run() async throws {
        do {
            while let head = try await input.nextHead() {
                guard try await answer(head) else { return }
            }
            try await writer.write(.goodbye)
        } catch let fault as InputFault {
            // A fault between two requests, such as a request line that is none.
            guard let problem = responder.configuration.problem(for: fault) else { throw fault }
            let outcome = responder.refuse(problem)
            try await writer.write(.lastAnswer(encode(outcome, isHead: false, connection: .close)))
            responder.log(outcome, method: nil)
        }
    }

    /// - Returns: whether the connection takes another request.
    private mutating func answer(_ head: RequestHead) async throws -> Bool {
        let outcome = try await responder.respond(to: head, from: peer, reading: &input)
        // A poll that a stop has ended comes again at once, and should come to another server.
        let keeps =
            head.keepsAlive && input.canContinue && !responder.state.isClosing
            && outcome.seat?.listener.end != .stopping
        let isHead = head.method == .head
        if let stream = outcome.stream { return try await send(stream, of: outcome, to: head, keeps: keeps) }
        if keeps {
            let buffer = encode(outcome, isHead: isHead, connection: head.isHTTP10 ? .keepAlive : .none)
            try await writer.write(.answer(buffer))
        } else {
            try await writer.write(.lastAnswer(encode(outcome, isHead: isHead, connection: .close)))
        }
        responder.log(outcome, method: head.method)
        guard keeps else { return false }
        return try await readOn()
    }

    /// Sends an answer while it is made.
    private mutating func send(
        _ stream: Responder.Stream, of outcome: Responder.Outcome, to head: RequestHead, keeps: Bool
    ) async throws -> Bool {
        var outcome = outcome
        outcome.ending = .clientGone
        defer {
            responder.end(outcome, head)
            responder.log(outcome, method: head.method)
        }
        let (writer, encoder, isChunked) = (writer, encoder, !head.isHTTP10)
        // Without chunks, only the end of the connection tells the end of the body.
        let keeps = keeps && isChunked
        try await writer.write(
            .interim(
                encoder.head(
                    ofStream: outcome.reply, requestID: outcome.requestID, isChunked: isChunked,
                    connection: keeps ? .none : .close)))
        let body = StreamWriter { bytes in
            try await writer.write(.part(encoder.part(bytes, isChunked: isChunked)))
            guard await stream.listener.nextSent() else { throw CancellationError() }
        }
        do {
            let done: Void? = try await stream.listener.untilStopped { try await stream.produce(body) }
            outcome.ending = done == nil ? .stopping : .complete
        } catch {
            if Task.isCancelled || stream.listener.end == .clientGone { throw InputFault.gone }
            outcome.ending = .failed
            responder.logFailure(error, of: outcome)
            // Without the last chunk: what was sent must not be taken for all there is.
            try await writer.write(.goodbye)
            return false
        }
        let end = ByteBuffer(string: isChunked ? AnswerEncoder.lastChunk : "")
        guard keeps, outcome.ending == .complete, !responder.state.isClosing else {
            try await writer.write(.lastAnswer(end))
            return false
        }
        try await writer.write(.answer(end))
        return try await readOn()
    }

    /// Reads what is left of an answered request.
    ///
    /// - Returns: whether the connection takes another one.
    private mutating func readOn() async throws -> Bool {
        do {
            try await input.discardBody()
            return true
        } catch {
            // The request is answered already; a second answer would be taken for the next one's.
            try await writer.write(.goodbye)
            return false
        }
    }

    private func encode(
        _ outcome: Responder.Outcome, isHead: Bool, connection: AnswerEncoder.ConnectionHeader
    ) -> ByteBuffer {
        encoder.encode(outcome.reply, requestID: outcome.requestID, isHead: isHead, connection: connection)
    }
}
