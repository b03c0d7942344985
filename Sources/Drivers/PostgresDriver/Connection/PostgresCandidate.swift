import CLibPQ
import Determinism
import Storage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One address of one host.
struct PostgresCandidate: Sendable, Hashable, CustomStringConvertible {
    let host: PostgresConfiguration.Host
    /// In digits; nil for a Unix socket.
    let address: String?

    var description: String { address.map { $0 == host.name ? "\(host)" : "\(host) (\($0))" } ?? "\(host)" }

    /// The addresses of a host, asked from the system's resolver. Blocks, for as long as the resolver does.
    static func resolve(_ host: PostgresConfiguration.Host) -> Result<[PostgresCandidate], PostgresError> {
        if host.isSocket { return .success([PostgresCandidate(host: host, address: nil)]) }
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(host.name, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else {
            let reason = String(cString: gai_strerror(status))
            return .failure(
                PostgresError(.connect, .unavailable("the name “\(host.name)” could not be resolved: \(reason)")))
        }
        var candidates: [PostgresCandidate] = []
        var next = list
        while let entry = next {
            var digits = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &digits, socklen_t(digits.count), nil, 0,
                NI_NUMERICHOST) == 0
            {
                let address = String(decoding: digits.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                let candidate = PostgresCandidate(host: host, address: address)
                if !candidates.contains(candidate) { candidates.append(candidate) }
            }
            next = entry.pointee.ai_next
        }
        if candidates.isEmpty {
            return .failure(PostgresError(.connect, .unavailable("the name “\(host.name)” has no address")))
        }
        return .success(candidates)
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
