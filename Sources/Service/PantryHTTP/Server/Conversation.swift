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
        let keeps = head.keepsAlive && input.canContinue && !responder.state.isClosing
        let isHead = head.method == .head
        if keeps {
            let buffer = encode(outcome, isHead: isHead, connection: head.isHTTP10 ? .keepAlive : .none)
            try await writer.write(.answer(buffer))
        } else {
            try await writer.write(.lastAnswer(encode(outcome, isHead: isHead, connection: .close)))
        }
        responder.log(outcome, method: head.method)
        guard keeps else { return false }
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
