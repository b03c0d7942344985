import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// One connection's TLS, for the two threads that use it: the reactor's reads while another one writes. OpenSSL lets
/// only one in at a time, so that each holds the engine for a record or a few, and never while it waits.
final class TLSSession: Sendable {
    private let engine: Mutex<TLSEngine>
    /// Whoever sends holds it, so that a farewell comes between no two pieces of a record. Taken before the engine.
    private let outgoing = Mutex(SealedRecords())

    /// How many records are sealed before they are sent: with one call, and what waits for a full socket is bounded.
    private static let recordsAtOnce = 4

    init(_ context: TLSContext) throws(TLSFailure) { engine = Mutex(try context.engine()) }

    // MARK: while the connection is made

    /// Goes on with the handshake. Returns what is to be sent, too.
    func shakeHands() -> (TLSEngine.Handshake, output: [UInt8]) {
        engine.withLock { engine in
            let step = engine.shakeHands()
            return (step, engine.ciphertext())
        }
    }

    /// All of a short text as ciphertext, for whoever sends it himself.
    func sealed(_ plaintext: [UInt8]) throws(TLSFailure) -> [UInt8] {
        let result: Result<[UInt8], TLSFailure> = engine.withLock { engine in
            var failure: TLSFailure?
            plaintext.withUnsafeBytes { bytes in
                var sealed = 0
                while sealed < bytes.count, failure == nil {
                    let piece = Self.piece(of: bytes, from: sealed)
                    switch engine.seal(piece) {
                    case .done: sealed += piece.count
                    case .notNow: failure = TLSFailure("a message of the server's to TLS came in part only")
                    case .failed(let reason): failure = reason
                    }
                }
            }
            return failure.map { .failure($0) } ?? .success(engine.ciphertext())
        }
        return try result.get()
    }

    // MARK: receiving

    /// Takes ciphertext as it came.
    func take(_ ciphertext: UnsafeRawBufferPointer) { engine.withLock { $0.take(ciphertext) } }

    /// Opens the next record.
    func open(into plaintext: UnsafeMutableRawBufferPointer) -> TLSEngine.Opened {
        engine.withLock { $0.open(into: plaintext) }
    }

    // MARK: sending

    /// What an attempt to send came to.
    enum Sent: Sendable {
        case all
        /// The socket takes no more; the other side cannot have the last so many bytes of the plaintext.
        case rest(Int)
        /// The socket failed, with this number.
        case socketFailed(Int32)
        case failed(TLSFailure)
    }

    /// Seals and sends what is left from before and then `plaintext`.
    /// - Parameters:
    ///   - sealed: how much of `plaintext` was sealed, and must not come again.
    ///   - send: as `send(2)`.
    func send(
        _ plaintext: UnsafeRawBufferPointer, sealed: inout Int, _ send: (UnsafeRawBufferPointer) -> Int
    ) -> Sent {
        outgoing.withLock { records in
            while true {
                if records.isEmpty {
                    if sealed == plaintext.count { return .all }
                    if let failure = seal(plaintext, &sealed, into: &records) { return .failed(failure) }
                    // Tried again as if the socket were full: what is missing comes by the next turn, or never.
                    if records.isEmpty { return .rest(plaintext.count - sealed) }
                }
                let count = records.withUnsent(send)
                if count >= 0 {
                    records.sent(count)
                } else if errno == EAGAIN || errno == EWOULDBLOCK {
                    return .rest(plaintext.count - sealed + records.unsentPlaintext)
                } else if errno != EINTR {
                    return .socketFailed(errno)
                }
            }
        }
    }

    /// Seals the next records of `plaintext`, or none where that is not possible now.
    private func seal(
        _ plaintext: UnsafeRawBufferPointer, _ sealed: inout Int, into records: inout SealedRecords
    ) -> TLSFailure? {
        engine.withLock { engine in
            for _ in 0..<Self.recordsAtOnce where sealed < plaintext.count {
                let piece = Self.piece(of: plaintext, from: sealed)
                switch engine.seal(piece) {
                case .done: break
                case .notNow: return nil
                case .failed(let failure): return failure
                }
                sealed += piece.count
                records.append(engine.ciphertextCount, plaintext: piece.count) { engine.moveCiphertext(into: $0) }
            }
            return nil
        }
    }

    /// A record's worth.
    private static func piece(of plaintext: UnsafeRawBufferPointer, from start: Int) -> UnsafeRawBufferPointer {
        let end = min(plaintext.count, start + TLSEngine.recordLimit)
        return UnsafeRawBufferPointer(rebasing: plaintext[start..<end])
    }

    /// Says that nothing more will be sent, unless a piece of a record stands before that. Nobody waits for it to
    /// arrive.
    func sayFarewell(_ send: (UnsafeRawBufferPointer) -> Int) {
        outgoing.withLock { records in
            guard records.isEmpty else { return }
            engine.withLock { engine in
                engine.sayFarewell()
                records.append(engine.ciphertextCount, plaintext: 0) { engine.moveCiphertext(into: $0) }
            }
            if !records.isEmpty { _ = records.withUnsent(send) }
        }
    }
}
