import COpenSSL

/// One TLS session without its socket: ciphertext goes in and comes out, and who moves it is somebody else's affair.
/// One thread at a time.
///
/// What a read makes the session say (the answer to a change of keys, an alert) waits in its place before what is
/// sealed next, and goes out with that; nobody waits for it, and it is bounded.
struct TLSEngine: ~Copyable, @unchecked Sendable {  // nobody else has its pointers
    private let session: OpaquePointer
    /// Ciphertext from the other side that was not opened yet: a part of a record, between two calls.
    private let incoming: OpaquePointer
    /// Ciphertext for the other side.
    private let outgoing: OpaquePointer
    private let peer: TLSPeer
    /// Why the session is at its end: OpenSSL says it once, and takes no more after that, not even a farewell.
    private var failure: TLSFailure?

    /// A record holds no more than that.
    static let recordLimit = 16 << 10
    /// How much may wait that nobody has asked for.
    private static let unaskedLimit = 64 << 10

    /// Takes over a session, which knows already which side it is.
    init(_ session: OpaquePointer, _ peer: TLSPeer) throws(TLSFailure) {
        guard let incoming = BIO_new(BIO_s_mem()), let outgoing = BIO_new(BIO_s_mem()) else {
            SSL_free(session)
            throw TLSFailure("there is no memory for TLS")
        }
        SSL_set_bio(session, incoming, outgoing)
        (self.session, self.incoming, self.outgoing, self.peer) = (session, incoming, outgoing, peer)
    }
    deinit { SSL_free(session) }

    // MARK: the handshake

    enum Handshake: Sendable, Equatable {
        case done
        /// What there is to send is to be sent, and more to be received.
        case unfinished
        /// What there is to send says so to the other side.
        case failed(TLSFailure)
    }

    mutating func shakeHands() -> Handshake {
        if let failure { return .failed(failure) }
        OpenSSLErrors.clear()
        let result = SSL_do_handshake(session)
        if result == 1 { return .done }
        if SSL_get_error(session, result) == SSL_ERROR_WANT_READ { return .unfinished }
        return .failed(fail())
    }

    // MARK: receiving

    /// Takes ciphertext as it came.
    mutating func take(_ ciphertext: UnsafeRawBufferPointer) {
        if ciphertext.isEmpty { return }
        var count = 0
        let isTaken = BIO_write_ex(incoming, ciphertext.baseAddress, ciphertext.count, &count) == 1
        precondition(isTaken && count == ciphertext.count, "out of memory")
    }

    enum Opened: Sendable, Equatable {
        /// So many bytes of plaintext.
        case bytes(Int)
        /// No whole record is there.
        case nothing
        /// The other side has said that nothing more comes.
        case end
        case failed(TLSFailure)
    }

    /// Opens the next record, or as much of it as fits. Until it says ``Opened/nothing`` there may be more.
    mutating func open(into plaintext: UnsafeMutableRawBufferPointer) -> Opened {
        if let failure { return .failed(failure) }
        OpenSSLErrors.clear()
        var count = 0
        let result = SSL_read_ex(session, plaintext.baseAddress, plaintext.count, &count)
        if ciphertextCount > Self.unaskedLimit {
            return .failed(fail(TLSFailure("the other side makes TLS answer without end")))
        }
        if result == 1 { return .bytes(count) }
        switch SSL_get_error(session, result) {
        case SSL_ERROR_WANT_READ: return .nothing
        case SSL_ERROR_ZERO_RETURN: return .end
        default: return .failed(fail())
        }
    }

    // MARK: sending

    enum Sealed: Sendable, Equatable {
        case done
        /// A message of the other side's to TLS itself has come in part: nothing can be sealed before the rest is
        /// there.
        case notNow
        case failed(TLSFailure)
    }

    /// Seals a record's worth of plaintext at most, as one record.
    mutating func seal(_ plaintext: UnsafeRawBufferPointer) -> Sealed {
        precondition(!plaintext.isEmpty && plaintext.count <= Self.recordLimit, "not one record")
        if let failure { return .failed(failure) }
        OpenSSLErrors.clear()
        var count = 0
        let result = SSL_write_ex(session, plaintext.baseAddress, plaintext.count, &count)
        if result == 1, count == plaintext.count { return .done }
        if result != 1, SSL_get_error(session, result) == SSL_ERROR_WANT_READ { return .notNow }
        return .failed(fail())
    }

    /// How much there is to be sent.
    var ciphertextCount: Int { BIO_ctrl_pending(outgoing) }

    /// Moves all of it into a buffer of just that size.
    mutating func moveCiphertext(into buffer: UnsafeMutableRawBufferPointer) {
        if buffer.isEmpty { return }
        var count = 0
        let isMoved = BIO_read_ex(outgoing, buffer.baseAddress, buffer.count, &count) == 1
        precondition(isMoved && count == buffer.count && ciphertextCount == 0, "not what there is to be sent")
    }

    /// The same for little.
    mutating func ciphertext() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: ciphertextCount)
        bytes.withUnsafeMutableBytes { moveCiphertext(into: $0) }
        return bytes
    }

    /// Says that nothing more will be sent, if that can still be said.
    mutating func sayFarewell() {
        if failure != nil || SSL_is_init_finished(session) != 1 { return }
        OpenSSLErrors.clear()
        _ = SSL_shutdown(session)
        OpenSSLErrors.clear()
    }

    private mutating func fail(_ known: TLSFailure? = nil) -> TLSFailure {
        let failure =
            known ?? TLSFailure(OpenSSLErrors.take(), verdict: SSL_get_verify_result(session), peer: peer)
        self.failure = failure
        return failure
    }
}
