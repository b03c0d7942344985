import COpenSSL
import Determinism
import Foundation
import ProcessTestKit

@testable import RedisDriver

/// Certificates in a folder that goes with the test.
struct TemporaryAuthority {
    let authority: TestAuthority
    let server: TestCertificate

    /// Runs `body` with an authority and a server's certificate for this machine's name.
    static func with<Value>(_ body: (TemporaryAuthority) async throws -> Value) async throws -> Value {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent(
            "pantry-tls-\(ProcessInfo.processInfo.processIdentifier)-\(String(SystemRandom().next(), radix: 36))")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: false)
        defer { try? FileManager.default.removeItem(at: folder) }
        let authority = try await TestAuthority(in: folder)
        return try await body(TemporaryAuthority(authority: authority, server: try await authority.issue("server")))
    }

    /// What a client must be told to trust it.
    var trust: RedisTLS {
        var tls = RedisTLS()
        tls.authorityFile = authority.certificate.certificateFile.path
        return tls
    }
}

/// One end of TLS whose ciphertext a test moves by hand.
final class TLSEnd {
    private var engine: TLSEngine

    init(_ engine: consuming TLSEngine) { self.engine = engine }

    func shakeHands() -> TLSEngine.Handshake { engine.shakeHands() }
    func sayFarewell() { engine.sayFarewell() }
    func take(_ bytes: some Collection<UInt8>) { Array(bytes).withUnsafeBytes { engine.take($0) } }

    /// What is to be sent.
    func ciphertext() -> [UInt8] { engine.ciphertext() }

    /// Seals a text of any length.
    func seal(_ text: [UInt8]) -> TLSFailure? {
        var rest = text[...]
        while !rest.isEmpty {
            let piece = rest.prefix(TLSEngine.recordLimit)
            switch sealRecord(Array(piece)) {
            case .done: rest = rest.dropFirst(piece.count)
            case .notNow: return TLSFailure("not now")
            case .failed(let failure): return failure
            }
        }
        return nil
    }
    /// Seals a text of no more than a record.
    func sealRecord(_ text: [UInt8]) -> TLSEngine.Sealed { text.withUnsafeBytes { engine.seal($0) } }

    /// All that can be opened, and why it is no more.
    func opened() -> (text: [UInt8], end: TLSEngine.Opened) {
        var text: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: TLSEngine.recordLimit)
        while true {
            let opened = buffer.withUnsafeMutableBytes { engine.open(into: $0) }
            guard case .bytes(let count) = opened else { return (text, opened) }
            text += buffer[..<count]
        }
    }
}

/// A client's and a server's end of TLS in one thread, with no network between.
struct TLSPair {
    let client: TLSEnd
    let server: TLSEnd
    /// The server's, for what only OpenSSL itself can be asked to do.
    let serverSession: OpaquePointer

    /// - Parameters:
    ///   - tls: what the client is told; nil for what it must be told.
    ///   - version: the server's newest; nil for the newest there is.
    init(
        _ certificates: TemporaryAuthority, _ tls: RedisTLS? = nil, host: String = "localhost", version: Int32? = nil
    ) throws {
        let context = SSL_CTX_new(TLS_server_method())
        defer { SSL_CTX_free(context) }
        let isReady =
            SSL_CTX_use_certificate_chain_file(context, certificates.server.certificateFile.path) == 1
            && SSL_CTX_use_PrivateKey_file(context, certificates.server.keyFile.path, SSL_FILETYPE_PEM) == 1
        guard isReady, let session = SSL_new(context) else { throw TLSFailure("the server's end cannot be made") }
        if let version { SSL_ctrl(session, SSL_CTRL_SET_MAX_PROTO_VERSION, Int(version), nil) }
        SSL_set_accept_state(session)
        serverSession = session
        client = TLSEnd(try TLSContext(tls ?? certificates.trust, host: host).engine())
        server = TLSEnd(try TLSEngine(session, TLSPeer(RedisTLS(), host: "the client")))
    }

    /// Shakes hands. Returns what the client came to.
    func shakeHands() -> TLSEngine.Handshake {
        for _ in 0..<10 {
            let step = client.shakeHands()
            server.take(client.ciphertext())
            _ = server.shakeHands()
            if step != .unfinished { return step }
            client.take(server.ciphertext())
        }
        return .unfinished
    }
}
