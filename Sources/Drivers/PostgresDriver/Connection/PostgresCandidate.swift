import Determinism
import SocketReactor
import Storage

/// One address of one host.
struct PostgresCandidate: Sendable, Hashable, CustomStringConvertible {
    let host: PostgresConfiguration.Host
    /// In digits; nil for a Unix socket.
    let address: String?

    var description: String { address.map { $0 == host.name ? "\(host)" : "\(host) (\($0))" } ?? "\(host)" }

    /// The addresses of a host, asked from the system's resolver. Blocks, for as long as the resolver does.
    static func resolve(_ host: PostgresConfiguration.Host) -> Result<[PostgresCandidate], PostgresError> {
        if host.isSocket { return .success([PostgresCandidate(host: host, address: nil)]) }
        do throws(HostAddresses.Failure) {
            let addresses = try HostAddresses.resolve(host.name)
            return .success(addresses.map { PostgresCandidate(host: host, address: $0) })
        } catch {
            return .failure(PostgresError(.connect, .unavailable(error.reason)))
        }
    }

    /// What libpq is told, the password included.
    func parameters(
        _ configuration: PostgresConfiguration, _ attributes: PostgresConfiguration.SessionAttributes
    ) -> [(String, String)] {
        var list = [
            ("host", host.name), ("port", "\(host.port)"), ("user", configuration.user),
            ("dbname", configuration.database), ("application_name", configuration.applicationName),
            ("client_encoding", "UTF8"), ("sslmode", configuration.tls.rawValue),
            ("channel_binding", configuration.channelBinding), ("gssencmode", "disable"),
            ("target_session_attrs", attributes.rawValue), ("connect_timeout", "0"), ("keepalives", "1"),
            ("keepalives_idle", "\(max(1, configuration.keepaliveIdle.components.seconds))"),
            ("keepalives_interval", "\(max(1, configuration.keepaliveInterval.components.seconds))"),
            ("keepalives_count", "\(configuration.keepaliveCount)"),
            ("tcp_user_timeout", "\(configuration.userTimeout.wholeMilliseconds)"),
        ]
        if let address { list.append(("hostaddr", address)) }
        if let password = configuration.password { list.append(("password", password)) }
        if let file = configuration.rootCertificateFile { list.append(("sslrootcert", file)) }
        if let file = configuration.certificateFile { list.append(("sslcert", file)) }
        if let file = configuration.keyFile { list.append(("sslkey", file)) }
        let options = sessionOptions(configuration)
        if !options.isEmpty { list.append(("options", options)) }
        return list
    }

    /// Set at the session's start rather than with `SET`, so that they cost no round trip and hold from the first
    /// statement on.
    private func sessionOptions(_ configuration: PostgresConfiguration) -> String {
        if configuration.pooler == .transaction { return "" }
        let timeouts = [
            ("statement_timeout", configuration.statementTimeout), ("lock_timeout", configuration.lockTimeout),
            ("idle_in_transaction_session_timeout", configuration.idleInTransactionTimeout),
        ]
        let settings = configuration.sessionSettings.sorted { $0.key < $1.key }.map { name, value in
            // As libpq splits options: at spaces that no backslash stands before.
            "-c \(name)=\(value.replacing("\\", with: "\\\\").replacing(" ", with: "\\ "))"
        }
        return (timeouts.compactMap { name, value in value.map { "-c \(name)=\($0.wholeMilliseconds)" } } + settings)
            .joined(separator: " ")
    }
}

extension Duration {
    /// Rounded up, so that a limit never becomes 0, which means none.
    var wholeMilliseconds: Int64 { max(1, (inNanoseconds + 999_999) / 1_000_000) }
}
