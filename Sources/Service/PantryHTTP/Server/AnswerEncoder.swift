import HTTPTypes
import NIOCore

/// Writes an answer as HTTP/1.1 into one buffer: one write, and no walk through NIO's header types.
struct AnswerEncoder {
    enum ConnectionHeader {
        case none
        case close
        /// HTTP/1.0 keeps a connection only when it is told so.
        case keepAlive
    }

    /// How the client finds the end of the body.
    private enum Framing {
        case none
        case length(Int)
        case chunked
    }

    /// The end of a body in chunks.
    static let lastChunk = "0\r\n\r\n"

    var allocator: ByteBufferAllocator

    /// - Parameter isHead: leaves the body out, but tells its length; a stream has none.
    func encode(
        _ reply: Reply, requestID: String, isHead: Bool, connection: ConnectionHeader
    ) -> ByteBuffer {
        guard reply.status.code != 204, reply.status.code != 304 else {
            return head(of: reply, .none, requestID: requestID, connection)
        }
        let framing: Framing
        if case .stream = reply.body { framing = .none } else { framing = .length(reply.body.count) }
        var out = head(of: reply, framing, requestID: requestID, connection, more: isHead ? 0 : reply.body.count)
        guard !isHead else { return out }
        switch reply.body {
        case .empty, .stream: break
        case .bytes(let bytes): out.writeBytes(bytes)
        case .text(let text): out.writeString(text)
        }
        return out
    }

    /// The head of a stream, whose body follows in parts.
    func head(
        ofStream reply: Reply, requestID: String, isChunked: Bool, connection: ConnectionHeader
    ) -> ByteBuffer {
        head(of: reply, isChunked ? .chunked : .none, requestID: requestID, connection)
    }

    /// A part of a stream, of at least one byte.
    func part(_ bytes: [UInt8], isChunked: Bool) -> ByteBuffer {
        guard isChunked else { return allocator.buffer(bytes: bytes) }
        var out = allocator.buffer(capacity: bytes.count + 16)
        out.writeString(String(bytes.count, radix: 16))
        out.writeStaticString("\r\n")
        out.writeBytes(bytes)
        out.writeStaticString("\r\n")
        return out
    }

    private func head(
        of reply: Reply, _ framing: Framing, requestID: String, _ connection: ConnectionHeader, more: Int = 0
    ) -> ByteBuffer {
        var out = allocator.buffer(capacity: 320 + more)
        out.writeStaticString("HTTP/1.1 ")
        out.writeString(String(reply.status.code))
        out.writeStaticString(" ")
        out.writeString(reply.status.reasonPhrase)
        out.writeStaticString("\r\nX-Request-Id: ")
        out.writeString(requestID)
        if let type = reply.contentType, type.utf8.allSatisfy({ $0 >= 0x20 }) {
            out.writeStaticString("\r\nContent-Type: ")
            out.writeString(type)
        }
        for field in reply.headers where !Self.isOurs(field.name.canonicalName) {
            out.writeStaticString("\r\n")
            out.writeString(field.name.rawName)
            out.writeStaticString(": ")
            out.writeString(field.value)
        }
        switch framing {
        case .none: break
        case .length(let length):
            out.writeStaticString("\r\nContent-Length: ")
            out.writeString(String(length))
        case .chunked: out.writeStaticString("\r\nTransfer-Encoding: chunked")
        }
        switch connection {
        case .none: break
        case .close: out.writeStaticString("\r\nConnection: close")
        case .keepAlive: out.writeStaticString("\r\nConnection: keep-alive")
        }
        out.writeStaticString("\r\n\r\n")
        return out
    }

    /// Headers that the server sets itself, whatever a handler says.
    private static func isOurs(_ name: String) -> Bool {
        switch name {
        case "content-length", "connection", "transfer-encoding", "x-request-id": true
        default: false
        }
    }
}
