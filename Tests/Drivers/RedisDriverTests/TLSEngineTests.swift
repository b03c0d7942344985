import COpenSSL
import Determinism
import Foundation
import ProcessTestKit
import Testing

@testable import RedisDriver

/// TLS against OpenSSL's own server, both in one thread.
@Suite("TLS without a network", .timeLimit(.minutes(1)))
struct TLSEngineTests {
    private func bytes(_ count: Int, seed: Int = 0) -> [UInt8] {
        (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 31) ^ ($0 >> 8) ^ seed) }
    }

    @Test(arguments: [TLS1_2_VERSION, TLS1_3_VERSION])
    func ciphertextMayComeByteByByte(version: Int32) async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates, version: version)
            #expect(pair.shakeHands() == .done)
            var replies: [UInt8] = Array("+OK\r\n:7\r\n$40000\r\n".utf8)
            replies += [UInt8](repeating: 65, count: 40_000) + Array("\r\n*2\r\n$1\r\na\r\n$-1\r\n".utf8)
            #expect(pair.server.seal(replies) == nil)
            let reader = ReplyReader(replyLimit: 1 << 20)
            var values: [RedisValue] = []
            var text: [UInt8] = []
            for byte in pair.server.ciphertext() {
                pair.client.take([byte])
                let opened = pair.client.opened()
                try #require(opened.end == .nothing)
                text += opened.text
                try opened.text.withUnsafeBytes { try reader.feed($0) { values.append($0) } }
            }
            #expect(text == replies)
            #expect(
                values == [
                    .status("OK"), .integer(7), .bulk([UInt8](repeating: 65, count: 40_000)),
                    .array([.bulk([97]), .null]),
                ])
        }
    }

    @Test func keysThatChangeAreFollowedAndAnsweredWithTheNextRecord() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates, version: TLS1_3_VERSION)
            #expect(pair.shakeHands() == .done)
            // The server's tickets come first, with nothing in them for the reader.
            pair.client.take(pair.server.ciphertext())
            #expect(pair.client.opened().end == .nothing)
            for round in 0..<5 {
                try #require(SSL_key_update(pair.serverSession, SSL_KEY_UPDATE_REQUESTED) == 1)
                let (down, up) = (bytes(1_000, seed: round), bytes(2_000, seed: round))
                #expect(pair.server.seal(down) == nil)
                pair.client.take(pair.server.ciphertext())
                let received = pair.client.opened()
                #expect(received.text == down && received.end == .nothing)
                #expect(pair.client.seal(up) == nil)
                pair.server.take(pair.client.ciphertext())
                let answered = pair.server.opened()
                #expect(answered.text == up && answered.end == .nothing)
            }
        }
    }

    @Test func aSecondHandshakeIsDeclinedBeforeTheNextRecord() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates, version: TLS1_2_VERSION)
            #expect(pair.shakeHands() == .done)
            pair.client.take(pair.server.ciphertext())
            #expect(pair.client.opened().end == .nothing)
            try #require(SSL_renegotiate(pair.serverSession) == 1)
            _ = pair.server.shakeHands()
            pair.client.take(pair.server.ciphertext())
            let asked = pair.client.opened()
            #expect(asked.text.isEmpty && asked.end == .nothing)
            #expect(pair.client.seal(bytes(10)) == nil)
            let sent = pair.client.ciphertext()
            // An alert's record, then the data's.
            #expect(sent.first == 21 && sent.count > 10)
        }
    }

    /// Servers whose records are small send a ticket in several. Between two of them OpenSSL writes nothing, and that
    /// was taken for the end of the session.
    @Test func nothingIsSealedBetweenTheRecordsOfATicket() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            SSL_ctrl(pair.serverSession, SSL_CTRL_SET_MAX_SEND_FRAGMENT, 512, nil)
            SSL_CTX_set_session_ticket_cb(
                SSL_get_SSL_CTX(pair.serverSession),
                { session, _ in
                    var data = [UInt8](repeating: 7, count: 2_000)
                    return SSL_SESSION_set1_ticket_appdata(SSL_get_session(session), &data, data.count)
                }, nil, nil)
            #expect(pair.shakeHands() == .done)
            let ticket = pair.server.ciphertext()
            try #require(ticket.count > 2_000)
            let first = 5 + Int(ticket[3]) << 8 + Int(ticket[4])
            pair.client.take(ticket.prefix(first))
            #expect(pair.client.opened().end == .nothing)
            #expect(pair.client.sealRecord(bytes(10)) == .notNow)
            pair.client.take(ticket.dropFirst(first))
            #expect(pair.client.opened().end == .nothing)
            #expect(pair.client.sealRecord(bytes(10)) == .done)
            pair.server.take(pair.client.ciphertext())
            #expect(pair.server.opened().text == bytes(10))
        }
    }

    @Test func aRecordThatIsNotWholeGivesNothing() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            #expect(pair.shakeHands() == .done)
            #expect(pair.server.seal(bytes(5_000)) == nil)
            let sealed = pair.server.ciphertext()
            pair.client.take(sealed.dropLast())
            let cut = pair.client.opened()
            #expect(cut.text.isEmpty && cut.end == .nothing)
            pair.client.take(sealed.suffix(1))
            let whole = pair.client.opened()
            #expect(whole.text == bytes(5_000) && whole.end == .nothing)
        }
    }

    @Test func aChangedRecordEndsTheSessionForGood() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            #expect(pair.shakeHands() == .done)
            #expect(pair.server.seal(bytes(100)) == nil)
            var sealed = pair.server.ciphertext()
            sealed[sealed.count - 3] ^= 1
            pair.client.take(sealed)
            let first = pair.client.opened()
            guard first.text.isEmpty, case .failed(let failure) = first.end else {
                Issue.record("it was opened: \(first)")
                return
            }
            #expect(failure.reason.contains("bad record mac") && !failure.isAlert)
            #expect(pair.client.opened().end == .failed(failure), "the reason is still known")
            #expect(pair.client.seal(bytes(10)) == failure)
            // The other side is told.
            pair.server.take(pair.client.ciphertext())
            guard case .failed(let told) = pair.server.opened().end else {
                Issue.record("the server was not told")
                return
            }
            #expect(told.isAlert)
            pair.client.sayFarewell()
            #expect(pair.client.ciphertext().isEmpty, "nothing is said after that")
        }
    }

    @Test func aFarewellIsTheEnd() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            pair.client.sayFarewell()
            #expect(pair.client.ciphertext().isEmpty, "there is no session yet")
            #expect(pair.shakeHands() == .done)
            #expect(pair.server.seal(bytes(100)) == nil)
            pair.server.sayFarewell()
            pair.client.take(pair.server.ciphertext())
            let last = pair.client.opened()
            #expect(last.text == bytes(100) && last.end == .end)
            pair.client.sayFarewell()
            pair.server.take(pair.client.ciphertext())
            #expect(pair.server.opened().end == .end)
        }
    }

    @Test func anErrorThatSomebodyElseLeftIsNotTakenForItsOwn() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            func leaveError() {
                #expect(BIO_new_file("/there/is/no/such/file", "r") == nil)
                #expect(ERR_peek_error() != 0)
            }
            leaveError()
            #expect(pair.shakeHands() == .done)
            leaveError()
            #expect(pair.client.opened().end == .nothing)
            leaveError()
            #expect(pair.client.seal(bytes(10)) == nil)
            pair.server.take(pair.client.ciphertext())
            leaveError()
            #expect(pair.server.opened().text == bytes(10))
            ERR_clear_error()
        }
    }

    @Test func anAuthorityThatIsNotTrustedAndAnotherNameAreRefusedWithWords() async throws {
        try await TemporaryAuthority.with { certificates in
            var system = RedisTLS()
            system.serverName = "localhost"
            var foreign = RedisTLS()
            foreign.authorityFile = try await TestAuthority("other", in: certificates.authority.folder)
                .certificate.certificateFile.path
            var named = certificates.trust
            named.serverName = "cache.example"
            let cases: [(RedisTLS?, String, [String])] = [
                (system, "localhost", ["certificate", "this machine trusts", "ca=PATH"]),
                (foreign, "localhost", ["certificate", "the file of ca="]),
                (named, "localhost", ["certificate", "hostname mismatch", "“cache.example”", "server_name=NAME"]),
                (nil, "127.0.0.2", ["certificate", "IP address mismatch", "“127.0.0.2”"]),
                (nil, "other.localhost", ["certificate", "hostname mismatch"]),
            ]
            for (tls, host, words) in cases {
                let pair = try TLSPair(certificates, tls, host: host)
                let outcome = pair.shakeHands()
                guard case .failed(let failure) = outcome else {
                    Issue.record("\(host): \(outcome)")
                    continue
                }
                for word in words { #expect(failure.reason.contains(word), "\(host): \(failure.reason)") }
            }
            for host in ["localhost", "localhost.", "LOCALHOST", "127.0.0.1"] {
                let pair = try TLSPair(certificates, host: host)
                #expect(pair.shakeHands() == .done, "\(host)")
            }
            var unnamed = certificates.trust
            unnamed.verification = .ca
            var blind = RedisTLS()
            blind.verification = .none
            for tls in [unnamed, blind] {
                let pair = try TLSPair(certificates, tls, host: "cache.example")
                #expect(pair.shakeHands() == .done, "\(tls.verification)")
            }
        }
    }

    @Test func whatIsNotTLSIsSaidToBeThat() async throws {
        try await TemporaryAuthority.with { certificates in
            let answers = [
                "-ERR unknown command\r\n", "+PONG\r\n", "220 mail.example ESMTP\r\n", "HTTP/1.1 400 Bad\r\n",
            ]
            for text in answers {
                let pair = try TLSPair(certificates)
                #expect(pair.client.shakeHands() == .unfinished)
                pair.client.take(Array(text.utf8))
                guard case .failed(let failure) = pair.client.shakeHands() else {
                    Issue.record("\(text) passed")
                    continue
                }
                #expect(failure.reason.contains("redis://"), "\(text): \(failure.reason)")
            }
        }
    }
}

/// What a socket that takes little at a time makes of records.
@Suite("Sending through TLS", .timeLimit(.minutes(1)))
struct TLSSendingTests {
    /// A session whose other side is a server in this thread.
    private func connected(_ certificates: TemporaryAuthority, to server: TLSEnd) throws -> TLSSession {
        let session = try TLSSession(TLSContext(certificates.trust, host: "localhost"))
        while true {
            let (step, output) = session.shakeHands()
            server.take(output)
            _ = server.shakeHands()
            if step == .done { return session }
            try #require(step == .unfinished)
            server.ciphertext().withUnsafeBytes { session.take($0) }
        }
    }

    @Test(arguments: 0..<20)
    func whatTheOtherSideCannotHaveIsCountedAndOrderIsKept(seed: Int) async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            let session = try connected(certificates, to: pair.server)
            let random = SeededRandom(seed: UInt64(seed))
            let text = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 7 ^ ($0 >> 9)) }
            var (sealed, received, wire) = (0, [UInt8](), [UInt8]())
            var refusals = 0
            while received.count < text.count {
                let sent = text.withUnsafeBytes { plaintext in
                    session.send(plaintext, sealed: &sealed) { ciphertext in
                        guard random.next(below: 3) > 0 else {
                            errno = random.next(below: 4) == 0 ? EINTR : EAGAIN
                            return -1
                        }
                        let count = min(ciphertext.count, 1 + Int(random.next(below: 20_000)))
                        wire += ciphertext.prefix(count)
                        return count
                    }
                }
                pair.server.take(wire)
                wire = []
                let opened = pair.server.opened()
                #expect(opened.end == .nothing)
                received += opened.text
                switch sent {
                case .all: #expect(received.count == text.count)
                case .rest(let unsent):
                    refusals += 1
                    #expect(unsent == text.count - received.count && unsent > 0)
                default:
                    Issue.record("\(sent)")
                    return
                }
            }
            #expect(received == text && refusals > 0)
        }
    }

    @Test func aSocketThatFailsIsSaidByItsNumber() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            let session = try connected(certificates, to: pair.server)
            var sealed = 0
            let sent = [1, 2, 3].withUnsafeBytes { plaintext in
                session.send(plaintext, sealed: &sealed) { _ in
                    errno = ECONNRESET
                    return -1
                }
            }
            guard case .socketFailed(ECONNRESET) = sent else {
                Issue.record("\(sent)")
                return
            }
        }
    }

    @Test func aFarewellStandsBetweenNoTwoPiecesOfARecord() async throws {
        try await TemporaryAuthority.with { certificates in
            let pair = try TLSPair(certificates)
            let session = try connected(certificates, to: pair.server)
            let text = [UInt8](repeating: 9, count: 1_000)
            var (sealed, wire, isFull) = (0, [UInt8](), false)
            func send() -> TLSSession.Sent {
                text.withUnsafeBytes { plaintext in
                    session.send(plaintext, sealed: &sealed) { ciphertext in
                        if isFull {
                            errno = EAGAIN
                            return -1
                        }
                        let count = min(ciphertext.count, 500)
                        wire += ciphertext.prefix(count)
                        isFull = true
                        return count
                    }
                }
            }
            guard case .rest(1_000) = send() else {
                Issue.record("a part of a record counts as sent")
                return
            }
            session.sayFarewell { _ in
                Issue.record("it was said within a record")
                return 0
            }
            for _ in 0..<3 {
                isFull = false
                _ = send()
            }
            session.sayFarewell { ciphertext in
                wire += ciphertext
                return ciphertext.count
            }
            pair.server.take(wire)
            let opened = pair.server.opened()
            #expect(opened.text == text && opened.end == .end)
        }
    }
}
