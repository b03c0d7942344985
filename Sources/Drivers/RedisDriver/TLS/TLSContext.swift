import COpenSSL

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What the sessions of one client have in common: whom they trust, whom they expect, and what they show.
final class TLSContext: @unchecked Sendable {  // complete before anybody else has it; OpenSSL counts who uses it
    private let context: OpaquePointer
    private let peer: TLSPeer
    /// What a server with many names is asked for; nil where an address is all that is known.
    private let indication: String?

    /// Threads that use OpenSSL may run until the process is gone: it must not clean up under them.
    private static let isStarted = OPENSSL_init_ssl(UInt64(OPENSSL_INIT_NO_ATEXIT), nil) == 1

    /// Reads the files.
    init(_ tls: RedisTLS, host: String) throws(RedisConfigurationError) {
        // Before anything else of OpenSSL: its first call says what happens at the exit, once and for all.
        guard Self.isStarted else { throw Self.unusable() }
        OpenSSLErrors.clear()
        guard let context = SSL_CTX_new(TLS_client_method()) else { throw Self.unusable() }
        self.context = context
        peer = TLSPeer(tls, host: host)
        let isAddress = Self.isAddress(peer.name)
        indication = isAddress ? nil : peer.name
        guard COpenSSL_set_least_version(context, TLS1_2_VERSION) == 1 else { throw Self.unusable() }
        COpenSSL_set_handshake_once(context)
        // Without one, OpenSSL would ask whoever sits at the terminal.
        SSL_CTX_set_default_passwd_cb(context) { _, _, _, _ in -1 }
        SSL_CTX_set_verify(context, tls.verification == .none ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, nil)
        try trust(tls)
        if tls.verification == .full { try expectName(isAddress) }
        if let certificate = tls.certificateFile, let key = tls.keyFile { try show(certificate, key) }
    }
    deinit { SSL_CTX_free(context) }

    /// A session that has still to shake hands.
    func engine() throws(TLSFailure) -> TLSEngine {
        OpenSSLErrors.clear()
        guard let session = SSL_new(context) else { throw TLSFailure(OpenSSLErrors.take(), verdict: 0, peer: peer) }
        if let indication, COpenSSL_set_server_name(session, indication) != 1 {
            SSL_free(session)
            throw TLSFailure("“\(indication)” cannot be asked for in TLS; give another name with server_name=NAME")
        }
        SSL_set_connect_state(session)
        return try TLSEngine(session, peer)
    }

    // MARK: setting up

    private func trust(_ tls: RedisTLS) throws(RedisConfigurationError) {
        guard let file = tls.authorityFile else {
            guard tls.verification == .none || SSL_CTX_set_default_verify_paths(context) == 1 else {
                throw Self.unusable()
            }
            return
        }
        try Self.check(file, "ca")
        OpenSSLErrors.clear()
        guard SSL_CTX_load_verify_file(context, file) == 1 else {
            throw .init("ca is “\(file)”, which holds no certificates in PEM form (\(Self.lastReason()))")
        }
    }

    private func expectName(_ isAddress: Bool) throws(RedisConfigurationError) {
        let parameters = SSL_CTX_get0_param(context)
        let isSet: Int32
        if isAddress {
            isSet = X509_VERIFY_PARAM_set1_ip_asc(parameters, peer.name)
        } else {
            // Only the names that are meant to be checked: not the subject's common name (RFC 9525).
            X509_VERIFY_PARAM_set_hostflags(
                parameters, UInt32(X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT))
            isSet = X509_VERIFY_PARAM_set1_host(parameters, peer.name, peer.name.utf8.count)
        }
        guard isSet == 1, !peer.name.isEmpty else {
            throw .init("no certificate can have the name “\(peer.name)”; give server_name=NAME")
        }
    }

    private func show(_ certificate: String, _ key: String) throws(RedisConfigurationError) {
        try Self.check(certificate, "cert")
        OpenSSLErrors.clear()
        guard SSL_CTX_use_certificate_chain_file(context, certificate) == 1 else {
            throw .init("cert is “\(certificate)”, which holds no certificate in PEM form (\(Self.lastReason()))")
        }
        try Self.check(key, "key")
        OpenSSLErrors.clear()
        guard SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1 else {
            throw .init(
                "key is “\(key)”, which cannot be used (\(Self.lastReason())); it must hold the private key of cert in "
                    + "PEM form, without a passphrase")
        }
        guard SSL_CTX_check_private_key(context) == 1 else {
            throw .init("key is “\(key)”, which is not the private key of cert, “\(certificate)”")
        }
    }

    private static func isAddress(_ name: String) -> Bool {
        guard let address = a2i_IPADDRESS(name) else { return false }
        ASN1_OCTET_STRING_free(address)
        return true
    }

    /// Whether there is something to read; OpenSSL's own errors do not say it as well.
    private static func check(_ file: String, _ option: String) throws(RedisConfigurationError) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC)
        defer { if descriptor >= 0 { _ = close(descriptor) } }
        var byte: UInt8 = 0
        guard descriptor >= 0, read(descriptor, &byte, 1) >= 0 else {
            throw .init("\(option) is “\(file)”, which cannot be read: \(RedisSocket.text(errno))")
        }
    }

    private static func lastReason() -> String { OpenSSLErrors.take()?.text ?? "OpenSSL does not say why" }
    private static func unusable() -> RedisConfigurationError {
        .init("OpenSSL, which TLS needs, cannot be used on this machine: \(lastReason())")
    }
}
