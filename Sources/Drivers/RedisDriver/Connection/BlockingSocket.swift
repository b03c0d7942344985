import Determinism

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A socket that is being made, for one thread that may block. Closed with its end unless it is taken.
struct BlockingSocket: ~Copyable {
    private var descriptor: Int32

    /// An address to connect to.
    enum Address: Sendable, Hashable {
        /// In digits.
        case internet(String, port: Int)
        /// The path of a Unix socket.
        case local(String)
    }

    /// Begins to connect.
    init(to address: Address) throws(RedisError) {
        switch address {
        case .internet(let digits, let port): descriptor = try Self.connectInternet(digits, port)
        case .local(let path): descriptor = try Self.connectLocal(path)
        }
    }
    deinit { if descriptor >= 0 { _ = close(descriptor) } }

    /// Hands out the descriptor.
    consuming func take() -> Int32 {
        let taken = descriptor
        descriptor = -1
        return taken
    }

    /// Waits until it can be read or written. Returns whether it can.
    func wait(writing: Bool, milliseconds: Int32) -> Bool {
        var entry = pollfd(fd: descriptor, events: Int16(writing ? POLLOUT : POLLIN), revents: 0)
        return poll(&entry, 1, milliseconds) > 0
    }

    /// The error that the connecting ended with; 0 for none.
    func connectError() -> Int32 {
        var (number, length) = (Int32(0), socklen_t(MemoryLayout<Int32>.size))
        return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &number, &length) == 0 ? number : errno
    }

    func write(_ bytes: ArraySlice<UInt8>) -> Int { bytes.withUnsafeBytes { send($0) } }
    private func send(_ bytes: UnsafeRawBufferPointer) -> Int {
        #if os(Linux)
            let flags = Int32(MSG_NOSIGNAL)
            #if canImport(Glibc)
                return Glibc.send(descriptor, bytes.baseAddress, bytes.count, flags)
            #else
                return Musl.send(descriptor, bytes.baseAddress, bytes.count, flags)
            #endif
        #else
            return Darwin.send(descriptor, bytes.baseAddress, bytes.count, 0)
        #endif
    }
    func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        recv(descriptor, buffer.baseAddress, buffer.count, 0)
    }

    /// Commands go out at once, and a peer that is gone is noticed.
    func setOptions(_ configuration: RedisConfiguration) {
        func set(_ level: Int32, _ name: Int32, _ value: Int) {
            var number = Int32(clamping: value)
            setsockopt(descriptor, level, name, &number, socklen_t(MemoryLayout<Int32>.size))
        }
        let internet = Int32(IPPROTO_TCP)
        set(internet, TCP_NODELAY, 1)
        set(SOL_SOCKET, SO_KEEPALIVE, 1)
        let idle = Int(max(1, configuration.keepaliveIdle.components.seconds))
        #if os(Linux)
            set(internet, TCP_KEEPIDLE, idle)
            set(internet, TCP_USER_TIMEOUT, Int(max(1, configuration.userTimeout.inNanoseconds / 1_000_000)))
        #else
            set(internet, TCP_KEEPALIVE, idle)
            set(SOL_SOCKET, SO_NOSIGPIPE, 1)
        #endif
        set(internet, TCP_KEEPINTVL, 5)
        set(internet, TCP_KEEPCNT, 3)
    }

    // MARK: making

    private static func make(_ family: Int32) throws(RedisError) -> Int32 {
        #if os(Linux)
            #if canImport(Glibc)
                let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
            #else
                let kind = SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK
            #endif
            let descriptor = socket(family, kind, 0)
        #else
            let descriptor = socket(family, SOCK_STREAM, 0)
        #endif
        guard descriptor >= 0 else { throw failure("no socket could be made", errno) }
        #if !os(Linux)
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
        #endif
        return descriptor
    }

    private static func connectInternet(_ digits: String, _ port: Int) throws(RedisError) -> Int32 {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        defer { if let list { freeaddrinfo(list) } }
        guard getaddrinfo(digits, "\(port)", &hints, &list) == 0, let entry = list?.pointee else {
            throw RedisError(.connect, .notSent, "“\(digits)” is no address")
        }
        return try begin(make(entry.ai_family), entry.ai_addr, entry.ai_addrlen)
    }

    private static func connectLocal(_ path: String) throws(RedisError) -> Int32 {
        var address = sockaddr_un()
        let capacity = MemoryLayout.size(ofValue: address.sun_path)
        guard path.utf8.count < capacity else {
            throw RedisError(.connect, .notSent, "the path of the socket has more than \(capacity - 1) bytes")
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let descriptor = try make(Int32(AF_UNIX))
        let result: Result<Int32, RedisError> = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { generic in
                do throws(RedisError) {
                    return .success(try begin(descriptor, generic, socklen_t(MemoryLayout<sockaddr_un>.size)))
                } catch { return .failure(error) }
            }
        }
        return try result.get()
    }

    private static func begin(
        _ descriptor: Int32, _ address: UnsafePointer<sockaddr>?, _ length: socklen_t
    ) throws(RedisError) -> Int32 {
        if connect(descriptor, address, length) == 0 || errno == EINPROGRESS { return descriptor }
        let number = errno
        _ = close(descriptor)
        throw failure("cannot connect", number)
    }

    static func failure(_ what: String, _ number: Int32) -> RedisError {
        RedisError(.connect, .notSent, "\(what): \(RedisSocket.text(number))")
    }
}

extension BlockingSocket {
    /// Whether the last call failed for the moment only.
    static var isTransient: Bool { errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR }
}
