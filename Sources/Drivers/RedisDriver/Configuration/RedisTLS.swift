/// How a connection is encrypted, and what a server must show. In a URL: `rediss://` and its options.
///
/// TLS 1.2 or 1.3 by OpenSSL, whose own configuration says which ciphers. Files are in PEM form and are read when the
/// client is made.
public struct RedisTLS: Sendable, Hashable {
    /// How much of the server's certificate is checked.
    public enum Verification: String, Sendable, CaseIterable {
        /// An authority that is trusted signed it, it is valid now, and it names the server.
        case full
        /// The same but for the name.
        case ca
        /// Nothing: whoever stands between reads and changes everything. For tests and closed networks only.
        case none
    }

    /// How much of the server's certificate is checked.
    public var verification = Verification.full
    /// A file with the certificates of the authorities that are trusted; nil for the system's.
    public var authorityFile: String?
    /// A file with the client's own certificate, and those between it and its authority, for servers that ask for one.
    public var certificateFile: String?
    /// A file with the certificate's private key, without a passphrase.
    public var keyFile: String?
    /// The name that the server is asked for and that its certificate must have; nil for the host's.
    public var serverName: String?

    /// Everything is checked, against the system's authorities.
    public init() {}

    /// Checks what can be checked without reading a file.
    func validate() throws(RedisConfigurationError) {
        if (certificateFile == nil) != (keyFile == nil) {
            throw .init("cert and key belong together, and only one of them is given")
        }
        if verification == .none, authorityFile != nil {
            throw .init("ca names authorities, and with verify=none nobody would be compared with them; leave one out")
        }
        let texts = [("ca", authorityFile), ("cert", certificateFile), ("key", keyFile), ("server_name", serverName)]
        for case (let name, let text?) in texts {
            if text.isEmpty { throw .init("\(name) is empty") }
            if text.utf8.contains(0) { throw .init("\(name) holds the character U+0000") }
        }
        // OpenSSL would take it for all names that end so.
        if serverName?.hasPrefix(".") == true { throw .init("server_name begins with a dot") }
    }
}
