import Determinism
import Foundation
import Synchronization

/// Ports of 127.0.0.1 for servers that tests start.
enum LoopbackPort {
    private static let taken = Mutex<Set<Int>>([])

    /// A port that nobody listens on and that this process has not handed out before. Below the range that the system
    /// takes outgoing connections' ports from, so that a server that is down for a moment finds its port free again.
    static func next() throws(PostgresFailure) -> Int {
        let random = SystemRandom()
        for _ in 0..<1_000 {
            let port = 12_000 + Int(random.next(below: 20_000))
            if taken.withLock({ $0.insert(port).inserted }), isFree(port) { return port }
        }
        throw PostgresFailure(what: "no port of 127.0.0.1 between 12000 and 32000 is free", log: "")
    }

    private static func isFree(_ port: Int) -> Bool {
        guard let descriptor = try? SocketAddress.listen(port: port) else { return false }
        close(descriptor)
        return true
    }
}

/// IPv4 sockets of the loopback interface.
enum SocketAddress {
    private static func streamSocket() -> Int32 {
        #if os(Linux)
            socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        #else
            socket(AF_INET, SOCK_STREAM, 0)
        #endif
    }

    private static func with<Result>(port: Int, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result) -> Result {
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
    }

    /// A socket that listens on the port; 0 takes any.
    static func listen(port: Int) throws(PostgresFailure) -> Int32 {
        let descriptor = streamSocket()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard with(port: port, { bind(descriptor, $0, $1) }) == 0, Foundation.listen(descriptor, 128) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw PostgresFailure(what: "cannot listen on port \(port): \(reason)", log: "")
        }
        return descriptor
    }

    /// Begins to connect to the port, without waiting; nil when that fails at once.
    static func connect(port: Int) -> Int32? {
        let descriptor = streamSocket()
        setNonBlocking(descriptor)
        guard with(port: port, { Foundation.connect(descriptor, $0, $1) }) == 0 || errno == EINPROGRESS else {
            close(descriptor)
            return nil
        }
        return descriptor
    }

    /// The port that a socket is bound to.
    static func port(of descriptor: Int32) -> Int {
        var address = sockaddr_in()
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(descriptor, $0, &length) }
        }
        return Int(UInt16(bigEndian: address.sin_port))
    }

    /// Makes calls on the descriptor return at once.
    static func setNonBlocking(_ descriptor: Int32) {
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }
}
