import Foundation

/// IPv4 sockets of the loopback interface, and pipes.
package enum LoopbackSocket {
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
    package static func listen(port: Int) throws(SpawnError) -> Int32 {
        let descriptor = streamSocket()
        var one: Int32 = 1
        setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
        guard with(port: port, { bind(descriptor, $0, $1) }) == 0, Foundation.listen(descriptor, 128) == 0 else {
            let reason = String(cString: strerror(errno))
            close(descriptor)
            throw SpawnError(description: "cannot listen on port \(port): \(reason)")
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

    /// The next connection that was made to a listening socket; nil when there is none now. No child inherits it, not
    /// even one that another thread starts at this moment: a reset happens when the last copy is closed.
    static func accept(_ listener: Int32) -> Int32? {
        let descriptor = ChildProcess.whileNoneStarts {
            let descriptor = Foundation.accept(listener, nil, nil)
            if descriptor >= 0 { _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC) }
            return descriptor
        }
        guard descriptor >= 0 else { return nil }
        setNonBlocking(descriptor)
        return descriptor
    }

    /// A pipe's reading and writing end, which no child inherits.
    package static func pipe() -> (reader: Int32, writer: Int32)? {
        ChildProcess.whileNoneStarts {
            var ends: [Int32] = [-1, -1]
            guard Foundation.pipe(&ends) == 0 else { return nil }
            for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
            return (ends[0], ends[1])
        }
    }

    /// The port that a socket is bound to.
    package static func port(of descriptor: Int32) -> Int {
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
