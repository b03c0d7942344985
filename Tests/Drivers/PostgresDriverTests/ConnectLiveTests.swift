import Determinism
import Foundation
import PostgresDriver
import PostgresTestKit
import ProcessTestKit
import Storage
import Synchronization
import Testing

/// Finding a server and proving who one is.
@Suite("Connecting to PostgreSQL", .serialized, .timeLimit(.minutes(3)))
struct ConnectLiveTests {
    @Test func scramIsSpokenAndAWrongPasswordIsNamedWithoutItself() async throws {
        var options = PostgresOptions()
        options.authentication = .scram
        try await LiveServer.with(options) { live in
            let connection = try await live.connect()
            let value = try await connection.value("SELECT current_user::text")
            #expect(value == .text("postgres"))
            var configuration = try live.configuration()
            configuration.password = "not-the-password"
            do throws(PostgresError) {
                _ = try await PostgresConnection.connect(configuration, on: live.reactor)
                Issue.record("a wrong password was accepted")
            } catch {
                #expect(error.sqlState?.code == "28P01")
                #expect(error.storage.isUnavailable)
                #expect(!error.description.contains("not-the-password"))
                #expect(!error.description.contains("LOCATION"))
            }
        }
    }

    @Test func tlsWithACertificateThatIsChecked() async throws {
        var options = PostgresOptions()
        options.authentication = .scram
        options.offersTLS = true
        try await LiveServer.with(options) { live in
            let connection = try await live.connect(
                "sslmode=verify-full", "sslrootcert=\(live.server.certificateFile.path)", "channel_binding=require")
            #expect(connection.tlsProtocol?.hasPrefix("TLSv1.") == true)
            let value = try await connection.value("SELECT ssl::int FROM pg_stat_ssl WHERE pid = pg_backend_pid()")
            #expect(value == .integer(1))
            // A large answer and a large request over TLS.
            let bytes = [UInt8](repeating: 7, count: 3 << 20)
            let answer = try await connection.value("SELECT $1::bytea", [.bytes(bytes)])
            #expect(answer == .bytes(bytes))
            let plain = try await live.connect("sslmode=disable")
            #expect(plain.tlsProtocol == nil)
            // Another server's certificate.
            let other = try await live.testbed.server(options, name: "other")
            await #expect(throws: PostgresError.self) {
                try await live.connect("sslmode=verify-full", "sslrootcert=\(other.certificateFile.path)")
            }
        }
    }

    @Test func deadHostsArePassedOver() async throws {
        try await LiveServer.with { live in
            let dead = try live.testbed.proxy(to: live.server.port)
            dead.close()
            let silent = try live.testbed.proxy(to: live.server.port)
            silent.pause()
            let port = live.server.port
            var configuration = try live.configuration()
            configuration.hosts = [
                PostgresConfiguration.Host("no-such-host.invalid"),
                PostgresConfiguration.Host("127.0.0.1", port: dead.port),
                PostgresConfiguration.Host("127.0.0.1", port: silent.port),
                PostgresConfiguration.Host("localhost", port: port),
            ]
            // The last one has this long as well, however busy the machine is.
            configuration.connectTimeout = .seconds(3)
            let connection = try await live.connect(configuration)
            #expect(connection.server.contains("\(port)"))
            configuration.hosts.removeLast()
            do throws(PostgresError) {
                _ = try await PostgresConnection.connect(configuration, on: live.reactor)
                Issue.record("connected to nobody")
            } catch {
                for part in ["no-such-host.invalid", "\(dead.port)", "\(silent.port)", "no answer"] {
                    #expect(error.description.contains(part), "\(part) in \(error)")
                }
            }
        }
    }

    @Test func aHostThatAnswersNothingCostsNoMoreThanTheDeadline() async throws {
        try await LiveServer.with { live in
            let silent = try live.testbed.proxy(to: live.server.port)
            silent.pause()
            var configuration = try live.configuration(url: silent.url(to: live.server), [])
            configuration.connectTimeout = .seconds(60)
            let began = live.time.instant()
            do throws(PostgresError) {
                _ = try await PostgresConnection.connect(
                    configuration, on: live.reactor, deadline: began + .milliseconds(300))
                Issue.record("connected")
            } catch { #expect(error.storage.isUnavailable) }
            #expect(live.time.instant() - began < .seconds(20))
            let target = configuration
            let outcome = await withTaskGroup(of: PostgresError.Code?.self) { group in
                group.addTask {
                    do throws(PostgresError) {
                        _ = try await PostgresConnection.connect(target, on: live.reactor)
                        return nil
                    } catch { return error.code }
                }
                try? await Poll.untilTrue("it to have begun") { silent.acceptedCount >= 2 }
                group.cancelAll()
                return await group.next() ?? nil
            }
            #expect(outcome == .cancelled)
        }
    }

    @Test func theRoleDecidesWhichHostIsTaken() async throws {
        try await LiveServer.with { live in
            let replica = try await live.testbed.replica(of: live.server, name: "r1")
            var configuration = try live.configuration()
            configuration.hosts = [
                PostgresConfiguration.Host("127.0.0.1", port: replica.port),
                PostgresConfiguration.Host("127.0.0.1", port: live.server.port),
            ]
            let expected: [(PostgresConfiguration.SessionAttributes, Int)] = [
                (.any, replica.port), (.readWrite, live.server.port), (.primary, live.server.port),
                (.standby, replica.port), (.readOnly, replica.port), (.preferStandby, replica.port),
            ]
            for (attributes, port) in expected {
                configuration.sessionAttributes = attributes
                let connection = try await live.connect(configuration)
                #expect(connection.server.hasSuffix(":\(port)"), "\(attributes)")
                #expect(connection.isStandby == (port == replica.port))
            }
            configuration.hosts.removeFirst()
            configuration.sessionAttributes = .preferStandby
            let fallback = try await live.connect(configuration)
            #expect(fallback.isStandby == false)
            configuration.sessionAttributes = .standby
            let only = configuration
            await #expect(throws: PostgresError.self) { try await live.connect(only) }
            // What a replica says to a write, and what it reports once it is promoted.
            let reader = try await live.connect(try live.configuration(url: replica.url(), []))
            #expect(reader.parameter("default_transaction_read_only") == "off")
            let refused = await reader.failure("CREATE TABLE t (id int)", [], .commits())
            #expect(refused?.sqlState == .readOnlyTransaction)
            #expect(refused?.storage.isUnavailable == true)
            try await replica.promote()
            try await Poll.untilTrue("the promotion to be reported, with the next answer") {
                try await reader.rows("SELECT 1")
                return reader.isStandby == false
            }
        }
    }

    @Test func theSessionIsSetUpAsConfigured() async throws {
        var options = PostgresOptions(settings: ["max_connections": "4", "superuser_reserved_connections": "1"])
        options.hasUnixSocket = true
        try await LiveServer.with(options) { live in
            let connection = try await live.connect(
                "statement_timeout=7s", "lock_timeout=3s", "idle_in_transaction_session_timeout=5s",
                "application_name=shop%20one")
            var values: [SQLValue] = []
            for name in [
                "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "application_name",
                "client_encoding",
            ] { values.append(try await connection.value("SELECT current_setting($1)", [.text(name)])) }
            #expect(values == ["7s", "3s", "5s", "shop one", "UTF8"])
            #expect(connection.serverVersion >= 150_000)
            #expect(connection.processIdentifier > 0)
            let folder = live.server.socketFolder.path
            var socket = try live.configuration()
            socket.hosts = [PostgresConfiguration.Host(folder, port: live.server.port)]
            let local = try await live.connect(socket)
            let port = try await local.rows("SELECT inet_client_port()")
            #expect(port[0][0] == .null)
            local.close()
            // The server has room for four.
            var held = [connection]
            var full: PostgresError?
            let configuration = try live.configuration()
            while held.count < 10, full == nil {
                do throws(PostgresError) {
                    held.append(try await PostgresConnection.connect(configuration, on: live.reactor))
                } catch { full = error }
            }
            #expect(full?.sqlState?.code == "53300")
            #expect(full?.storage.isUnavailable == true)
        }
    }

    @Test func noticesGoToTheirObserver() async throws {
        try await LiveServer.with { live in
            let seen = Mutex<[String]>([])
            var configuration = try live.configuration()
            configuration.noticeObserver = { severity, message in
                seen.withLock { $0.append("\(severity) \(message)") }
            }
            let connection = try await live.connect(configuration)
            try await connection.rows("DROP TABLE IF EXISTS nothing_here", [], .commits())
            let notices = seen.withLock { $0 }
            #expect(notices == ["NOTICE table \"nothing_here\" does not exist, skipping"])
        }
    }
}
