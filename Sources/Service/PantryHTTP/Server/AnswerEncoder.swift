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

    var allocator: ByteBufferAllocator

    /// - Parameter isHead: leaves the body out, but tells its length.
    func encode(
        _ reply: Reply, requestID: String, isHead: Bool, connection: ConnectionHeader
    ) -> ByteBuffer {
        var out = allocator.buffer(capacity: 320 + (isHead ? 0 : reply.body.count))
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
        let hasLength = reply.status.code != 204 && reply.status.code != 304
        if hasLength {
            out.writeStaticString("\r\nContent-Length: ")
            out.writeString(String(reply.body.count))
        }
        switch connection {
        case .none: break
        case .close: out.writeStaticString("\r\nConnection: close")
        case .keepAlive: out.writeStaticString("\r\nConnection: keep-alive")
        }
        out.writeStaticString("\r\n\r\n")
        guard hasLength, !isHead else { return out }
        switch reply.body {
        case .empty: break
        case .bytes(let bytes): out.writeBytes(bytes)
        case .text(let text): out.writeString(text)
        }
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
