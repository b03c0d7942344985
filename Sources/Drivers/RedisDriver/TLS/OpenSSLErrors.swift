import COpenSSL

/// What OpenSSL says of its last call: a list for each thread, which a call adds to and nobody empties by himself.
enum OpenSSLErrors {
    /// One error, by its numbers and in OpenSSL's words, which hold nothing of what was sent.
    struct Entry: Sendable, Hashable {
        let library: Int32
        let reason: Int32
        let text: String

        /// The other side's alert, rather than something that was found here.
        var isAlert: Bool { library == ERR_LIB_SSL && reason >= SSL_AD_REASON_OFFSET }
    }

    /// Before each call whose errors are asked for: another's would be taken for its own.
    static func clear() { ERR_clear_error() }

    /// The first error, which the others follow from; nil if there is none. Empties the list.
    static func take() -> Entry? {
        let code = ERR_get_error()
        ERR_clear_error()
        guard code != 0 else { return nil }
        let text = ERR_reason_error_string(code).map { String(cString: $0) }
        return Entry(
            library: ERR_GET_LIB(code), reason: ERR_GET_REASON(code),
            text: text ?? "error \(String(code, radix: 16))")
    }
}
