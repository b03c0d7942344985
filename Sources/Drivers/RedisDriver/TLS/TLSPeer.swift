/// Whom a session is with, as far as errors speak of it.
struct TLSPeer: Sendable, Hashable {
    /// The name, or the address, that the certificate must have.
    let name: String
    let verification: RedisTLS.Verification
    /// Whether authorities were given, or else are the system's.
    let hasAuthorityFile: Bool
    /// Whether there is a certificate to show.
    let hasCertificate: Bool

    init(_ tls: RedisTLS, host: String) {
        let name = tls.serverName ?? host
        // The dot that closes a full name in the DNS is in no certificate.
        self.name = name.hasSuffix(".") ? String(name.dropLast()) : name
        verification = tls.verification
        (hasAuthorityFile, hasCertificate) = (tls.authorityFile != nil, tls.certificateFile != nil)
    }
}
