import COpenSSL

/// Why a TLS session did not begin, or cannot go on, in words for whoever runs it.
struct TLSFailure: Error, Sendable, Hashable {
    /// The other side ended it; else what came, or was asked for, makes no sense.
    let isAlert: Bool
    let reason: String

    init(_ reason: String) { (isAlert, self.reason) = (false, reason) }

    /// - Parameters:
    ///   - error: OpenSSL's first error.
    ///   - verdict: what it made of the server's certificate.
    init(_ error: OpenSSLErrors.Entry?, verdict: Int, peer: TLSPeer) {
        isAlert = error?.isAlert == true
        guard let error, error.library == ERR_LIB_SSL else {
            reason = "TLS failed: \(error?.text ?? "OpenSSL does not say why")"
            return
        }
        if isAlert {
            reason = Self.words(alert: error, peer)
        } else if error.reason == SSL_R_CERTIFICATE_VERIFY_FAILED {
            reason = Self.words(verdict: verdict, peer)
        } else {
            reason = Self.words(fault: error)
        }
    }

    private static func words(alert: OpenSSLErrors.Entry, _ peer: TLSPeer) -> String {
        switch alert.reason {
        case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
            return "the server demands a certificate of this client; give one with cert=PATH&key=PATH"
        case SSL_R_SSLV3_ALERT_HANDSHAKE_FAILURE where !peer.hasCertificate:
            return "the server refused the TLS handshake (\(alert.text)); if it demands a certificate of this client, "
                + "give one with cert=PATH&key=PATH"
        case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE, SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE,
            SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED, SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED,
            SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN, SSL_R_TLSV1_ALERT_UNKNOWN_CA:
            guard peer.hasCertificate else { break }
            return "the server does not accept this client's certificate, that of cert=: \(alert.text)"
        case SSL_R_TLSV1_ALERT_PROTOCOL_VERSION:
            return "the server has neither TLS 1.2 nor 1.3 (\(alert.text))"
        default: break
        }
        return "the server ended the TLS session: \(alert.text)"
    }

    private static func words(fault: OpenSSLErrors.Entry) -> String {
        switch fault.reason {
        case SSL_R_WRONG_VERSION_NUMBER, SSL_R_PACKET_LENGTH_TOO_LONG, SSL_R_HTTP_REQUEST:
            return "what answers does not speak TLS (\(fault.text)); a server without TLS is written redis://"
        case SSL_R_UNSUPPORTED_PROTOCOL: return "the server has neither TLS 1.2 nor 1.3 (\(fault.text))"
        default: return "TLS failed: \(fault.text)"
        }
    }

    private static func words(verdict: Int, _ peer: TLSPeer) -> String {
        let finding = String(cString: X509_verify_cert_error_string(verdict))
        let text = "the server's certificate is not accepted: \(finding)"
        switch Int32(truncatingIfNeeded: verdict) {
        case X509_V_ERR_HOSTNAME_MISMATCH, X509_V_ERR_IP_ADDRESS_MISMATCH:
            return "\(text): it does not name “\(peer.name)”; connect by a name that it has, or give that with "
                + "server_name=NAME"
        case X509_V_ERR_CERT_HAS_EXPIRED:
            return "\(text); the server needs a new one, or this machine's clock is wrong"
        case X509_V_ERR_CERT_NOT_YET_VALID:
            return "\(text); it is valid later, or this machine's clock is wrong"
        case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN,
            X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,
            X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, X509_V_ERR_CERT_SIGNATURE_FAILURE:
            return peer.hasAuthorityFile
                ? "\(text); no authority of the file of ca= signed it: give the file of the one that did"
                : "\(text); no authority that this machine trusts signed it: give the file of the one that did with "
                    + "ca=PATH"
        default: return "\(text); the server needs another one"
        }
    }
}
