/// How the server listens, and the bounds that keep a client from holding more of it than its share.
package struct HTTPServerConfiguration: Sendable {
    package var host = "127.0.0.1"
    /// 0 takes any free port; `onListening` tells which.
    package var port = 8080
    /// Connections that wait to be accepted.
    package var backlog = 1024
    /// Connections open at once. Beyond it, new ones wait in the backlog.
    package var maxConnections = 8192

    /// The longest request target, in bytes.
    package var maxTarget = 8 * 1024
    /// All header fields of a request together, in bytes.
    package var maxHeaderList = 32 * 1024
    package var maxHeaderCount = 100
    /// The largest body, in bytes, of a route that names no other.
    package var maxBody = 1024 * 1024

    /// From the first byte of a request (of a new connection: from its start) to the end of its headers.
    package var headTimeout: Duration = .seconds(10)
    /// From the end of the headers to the end of the body.
    package var bodyTimeout: Duration = .seconds(10)
    /// How long a connection may stay open without a request, or with an answer that its client does not read.
    package var idleTimeout: Duration = .seconds(60)
    /// How long a connection that is being closed still reads, so that the client gets to see the last answer.
    package var lingerTimeout: Duration = .seconds(2)

    /// How long `isDraining` holds before the listener closes.
    package var drain: Duration = .seconds(2)
    /// From the signal to the end of `run()`, whatever a client does. Includes `drain`.
    package var shutdownTimeout: Duration = .seconds(20)

    /// Proxies whose `X-Forwarded-For` is believed: addresses and CIDR ranges.
    package var trustedProxies: [AddressRange] = []

    package init() {}

    /// The settings that cannot be, in words; empty when all is well.
    package func validate() -> [String] {
        var faults: [String] = []
        func require(_ condition: Bool, _ fault: String) {
            if !condition { faults.append(fault) }
        }
        require(!host.isEmpty, "host is empty")
        require((0...65535).contains(port), "port \(port) is not between 0 and 65535")
        for (name, value) in [
            ("backlog", backlog), ("maxConnections", maxConnections), ("maxTarget", maxTarget),
            ("maxHeaderList", maxHeaderList), ("maxHeaderCount", maxHeaderCount),
        ] {
            require(value > 0, "\(name) must be above 0")
        }
        require(maxBody >= 0, "maxBody is negative")
        for (name, value) in [
            ("headTimeout", headTimeout), ("bodyTimeout", bodyTimeout), ("idleTimeout", idleTimeout),
            ("lingerTimeout", lingerTimeout),
        ] {
            require(value > .zero, "\(name) must be above 0")
        }
        require(drain >= .zero, "drain is negative")
        require(shutdownTimeout > drain, "shutdownTimeout must be longer than drain")
        return faults
    }
}
