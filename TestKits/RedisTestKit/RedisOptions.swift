import ProcessTestKit

/// How a server is reached with TLS, and without it no more. Its certificate is signed by an authority of its own.
public struct RedisEncryption: Sendable {
    /// What its certificate is for, such as `DNS:localhost`.
    public var names = TestCertificate.loopbackNames
    /// Whether the certificate was valid until yesterday.
    public var hasExpired = false
    /// Whether clients must show a certificate, too, of the same authority.
    public var demandsCertificate = false

    /// For this machine's name and address, and for everybody.
    public init() {}
}

/// How a server is set up.
public struct RedisOptions: Sendable {
    /// The default user's password; nil for none.
    public var password: String?
    /// Users beside the default one, such as `shop on >secret ~cart:* +@all`.
    public var users: [String] = []
    /// `maxmemory` in bytes; nil for no limit.
    public var memoryLimit: Int?
    /// `maxmemory-policy`.
    public var evictionPolicy = "noeviction"
    /// `maxclients`; nil for the server's own.
    public var clientLimit: Int?
    /// Whether it listens on a Unix socket, too.
    public var hasSocket = false
    /// Whether it keeps its data over restarts, in an append-only file that is synced with each write.
    public var isDurable = false
    /// Whether it speaks TLS, and how; nil for not at all.
    public var encryption: RedisEncryption?
    /// More lines of `redis.conf`.
    public var settings: [String: String] = [:]

    /// No password, no limits, nothing kept.
    public init() {}

    func lines(port: Int, folder: String) -> [String] {
        var lines = [
            "bind 127.0.0.1", "port \(encryption == nil ? port : 0)", "dir \(folder)", "daemonize no", "save \"\"",
            "protected-mode no", "appendonly \(isDurable ? "yes" : "no")", "appendfsync always",
            "maxmemory-policy \(evictionPolicy)",
        ]
        if let password { lines.append("requirepass \(password)") }
        if let memoryLimit { lines.append("maxmemory \(memoryLimit)") }
        if let clientLimit { lines.append("maxclients \(clientLimit)") }
        if let encryption {
            lines += [
                "tls-port \(port)", "tls-cert-file \(folder)/server.crt", "tls-key-file \(folder)/server.key",
                "tls-ca-cert-file \(folder)/ca.crt",
                "tls-auth-clients \(encryption.demandsCertificate ? "yes" : "no")",
            ]
        }
        if hasSocket { lines.append("unixsocket \(folder)/redis.sock") }
        lines += users.map { "user \($0)" }
        return lines + settings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
    }
}
