#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// A client that sees bytes, because the tests are about them. Its socket never blocks: it polls, until a deadline.
final class TestClient {
    struct Failure: Error, CustomStringConvertible {
        var description: String
    }

    struct Response {
        var status: Int
        var headers: [(name: String, value: String)]
        var body: String

        subscript(name: String) -> String? {
            headers.first { $0.name.lowercased() == name.lowercased() }?.value
        }

        /// The `code` of a problem.
        var code: String? {
            guard let start = body.firstRange(of: "\"code\":\"")?.upperBound else { return nil }
            return String(body[start...].prefix { $0 != "\"" })
        }
    }

    private let descriptor: Int32
    private var received: [UInt8] = []
    private var hasEnded = false

    /// Connects, optionally with a small receive buffer, so that a server's answer does not fit.
    init(port: Int, receiveBuffer: Int32? = nil) throws {
        #if canImport(Glibc) || canImport(Musl)
            descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        #else
            descriptor = socket(AF_INET, SOCK_STREAM, 0)
        #endif
        if var size = receiveBuffer {
            setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
        }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Thrown with every property set: `deinit` closes. Closing here as well would hit somebody else's file.
        guard result == 0 else { throw Failure(description: "connect: errno \(errno)") }
        _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL) | O_NONBLOCK)
    }

    deinit {
        close(descriptor)
    }

    /// Sends everything, or as much as the server takes before it closes.
    func send(_ text: String) async throws {
        try await send(Array(text.utf8))
    }

    func send(_ bytes: [UInt8]) async throws {
        var rest = bytes[...]
        try await poll("sending") {
            while !rest.isEmpty {
                let count = rest.withUnsafeBytes { buffer in
                    sendQuietly(descriptor, buffer)
                }
                if count < 0 { return errno != EAGAIN ? () : nil }
                rest = rest.dropFirst(count)
            }
            return ()
        }
    }

    /// Sends as much as the socket takes at this moment.
    func sendAvailable(_ bytes: ArraySlice<UInt8>) throws -> Int {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.dropFirst(sent).withUnsafeBytes { sendQuietly(descriptor, $0) }
            if count < 0 {
                guard errno == EAGAIN else { throw Failure(description: "send: errno \(errno)") }
                return sent
            }
            sent += count
        }
        return sent
    }

    /// Ends this side; the server sees the end of the stream.
    func endSending() {
        shutdown(descriptor, Int32(SHUT_WR))
    }

    /// The next answer. One to HEAD has a length but no body.
    func response(toHEAD: Bool = false) async throws -> Response {
        try await poll("waiting for an answer") {
            read()
            if let response = parse(toHEAD: toHEAD) { return response }
            if hasEnded { throw Failure(description: "ended after: \(String(decoding: received, as: UTF8.self))") }
            return nil
        }
    }

    /// Sends one request and takes its answer.
    func exchange(_ text: String, toHEAD: Bool = false) async throws -> Response {
        try await send(text)
        return try await response(toHEAD: toHEAD)
    }

    /// Waits for the server to end the connection.
    ///
    /// - Returns: what came before the end.
    func end(within limit: Duration = .seconds(10)) async throws -> String {
        try await poll("waiting for the end", within: limit) {
            read()
            return hasEnded ? String(decoding: received, as: UTF8.self) : nil
        }
    }

    /// Waits until a text has come, and takes all that has.
    func text(until mark: String) async throws -> String {
        try await poll("waiting for \(mark)") {
            read()
            let text = String(decoding: received, as: UTF8.self)
            if text.contains(mark) {
                received = []
                return text
            }
            if hasEnded { throw Failure(description: "ended after: \(text)") }
            return nil
        }
    }

    /// Whether something came, without taking it.
    func hasBytes() -> Bool {
        var byte: UInt8 = 0
        return recv(descriptor, &byte, 1, Int32(MSG_PEEK)) > 0
    }

    /// Whether the server has ended the connection by now.
    func isEnded() -> Bool {
        read()
        return hasEnded
    }

    private func read() {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !hasEnded {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count > 0 {
                received.append(contentsOf: buffer[..<count])
            } else if count == 0 || errno != EAGAIN {
                hasEnded = true
            } else {
                return
            }
        }
    }

    private func parse(toHEAD: Bool) -> Response? {
        guard let headEnd = received.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: received[..<headEnd.lowerBound], as: UTF8.self).split(separator: "\r\n")
        let headers = lines.dropFirst().map { line in
            let colon = line.firstIndex(of: ":") ?? line.endIndex
            return (name: String(line[..<colon]), value: String(line[colon...].dropFirst(2)))
        }
        var response = Response(
            status: lines.first.flatMap { Int($0.split(separator: " ")[1]) } ?? 0, headers: headers, body: "")
        let length = toHEAD ? 0 : response["Content-Length"].flatMap { Int($0) } ?? 0
        guard received.count >= headEnd.upperBound + length else { return nil }
        response.body = String(decoding: received[headEnd.upperBound...].prefix(length), as: UTF8.self)
        received.removeFirst(headEnd.upperBound + length)
        return response
    }
}

/// Asks until there is an answer, at most ten seconds long unless another limit is given.
func poll<Value>(
    isolation: isolated (any Actor)? = #isolation, _ what: String, within limit: Duration = .seconds(10),
    _ attempt: () throws -> Value?
) async throws -> Value {
    let clock = ContinuousClock()
    let deadline = clock.now + limit
    while true {
        if let value = try attempt() { return value }
        guard clock.now < deadline else { throw TestClient.Failure(description: "too long: \(what)") }
        try await clock.sleep(for: .milliseconds(1))
    }
}

/// Outside the class, whose own `send` would hide the system's.
private func sendQuietly(_ descriptor: Int32, _ buffer: UnsafeRawBufferPointer) -> Int {
    #if canImport(Darwin)
        write(descriptor, buffer.baseAddress, buffer.count)
    #else
        send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
    #endif
}
