import ProcessTestKit
import SocketReactor
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A server of another protocol: whoever connects is told something that Redis would never say.
final class GarbageServer: Sendable {
    let port: Int
    private let listener: Int32

    init() throws {
        let listener = try LoopbackSocket.listen(port: 0)
        (self.listener, port) = (listener, LoopbackSocket.port(of: listener))
        _ = NativeThread.start {
            while true {
                let descriptor = accept(listener, nil, nil)
                if descriptor < 0 { return }
                let text: [UInt8] = Array("220 mail.example ESMTP\r\n".utf8)
                _ = write(descriptor, text, text.count)
                var byte: UInt8 = 0
                while read(descriptor, &byte, 1) > 0 {}
                close(descriptor)
            }
        }
    }

    func stop() {
        shutdown(listener, Int32(SHUT_RDWR))
        close(listener)
    }
}
