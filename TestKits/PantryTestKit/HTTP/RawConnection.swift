import Foundation

/// A TCP connection that sends bytes as they are: requests that are cut short, slow or wrong.
public final class RawConnection: Sendable {
    private let descriptor: Int32

    /// Connects to a port of this machine.
    /// - Throws: ``SpawnError`` when nobody listens there.
    public init(port: Int) throws(SpawnError) {
        #if os(Linux)
            let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
        #else
            let kind = SOCK_STREAM
        #endif
        descriptor = socket(AF_INET, kind, 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Thrown with every property set: `deinit` closes. Closing here as well would hit somebody else's file.
        guard result == 0 else {
            throw SpawnError(description: "cannot connect to port \(port): \(String(cString: strerror(errno)))")
        }
    }

    deinit { close(descriptor) }

    /// Sends a text. A connection that the other side has closed takes nothing more, and that is no error here.
    public func send(_ text: String) { send(bytes: Array(text.utf8)) }

    /// Sends bytes, which need be no text.
    public func send(bytes all: [UInt8]) {
        var bytes = all[...]
        while !bytes.isEmpty {
            let sent = bytes.withUnsafeBytes {
                Foundation.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
            }
            guard sent > 0 else { return }
            bytes = bytes.dropFirst(sent)
        }
    }

    /// What has arrived so far and was not read yet, without waiting. Nil once the other side has closed.
    public func receive() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65_536)
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        if count > 0 { return Array(buffer.prefix(count)) }
        return count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK) ? [] : nil
    }
}
