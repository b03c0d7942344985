/// How a server is set up.
public struct PostgresOptions: Sendable {
    /// How clients prove who they are.
    public enum Authentication: Sendable, Hashable {
        /// Whoever comes is believed.
        case trust
        /// SCRAM-SHA-256 (RFC 7677) with ``PostgresServer/password``.
        case scram
    }

    /// How clients prove who they are. `trust` unless said otherwise.
    public var authentication: Authentication = .trust
    /// Lines of `pg_hba.conf` that take the place of the usual ones, which let every user of 127.0.0.1 into everything.
    public var accessRules: [String]?
    /// Whether the server offers TLS, with a certificate of its own for `localhost` and 127.0.0.1.
    public var offersTLS = false
    /// Whether there is also a Unix socket, in ``PostgresServer/socketFolder``.
    public var hasUnixSocket = false
    /// Settings of `postgresql.conf`, such as `["fsync": "on", "max_connections": "20"]`. They win over the kit's own:
    /// `fsync`, `synchronous_commit` and `full_page_writes` stand at PostgreSQL's defaults.
    public var settings: [String: String] = [:]

    /// PostgreSQL's defaults, on 127.0.0.1 only, for whoever comes.
    public init() {}

    /// PostgreSQL's defaults but for these settings.
    public init(settings: [String: String]) { self.settings = settings }

    /// The text of `postgresql.conf`.
    func configuration(port: Int, socketFolder: String?, of role: ReplicaRole?) -> String {
        var lines = Self.defaults
        lines["port"] = "\(port)"
        lines["unix_socket_directories"] = socketFolder ?? ""
        if offersTLS {
            lines["ssl"] = "on"
            lines["ssl_cert_file"] = "../server.crt"
            lines["ssl_key_file"] = "../server.key"
        }
        if let role {
            lines["primary_conninfo"] = role.connectionInformation
            lines["primary_slot_name"] = role.slot ?? ""
        }
        return lines.merging(settings) { $1 }.sorted { $0.key < $1.key }
            .map { "\($0.key) = '\($0.value.replacing("'", with: "''"))'\n" }.joined()
    }

    private static let defaults = [
        "listen_addresses": "127.0.0.1",
        "shared_buffers": "32MB",
        "wal_level": "logical",
        // A replica that was away for a moment finds what it missed.
        "wal_keep_size": "256MB",
        "hot_standby": "on",
        "log_line_prefix": "%m [%p] %a ",
        "log_timezone": "UTC",
        "timezone": "UTC",
        "jit": "off",
    ]

    /// The text of `pg_hba.conf`.
    var accessRuleText: String {
        if let accessRules { return accessRules.map { "\($0)\n" }.joined() }
        let method = authentication == .trust ? "trust" : "scram-sha-256"
        return """
            local all all \(method)
            host all all 127.0.0.1/32 \(method)
            host replication all 127.0.0.1/32 \(method)

            """
    }
}

/// What makes a server a replica of another.
struct ReplicaRole: Sendable {
    let connectionInformation: String
    let slot: String?
}
