import Foundation
import ProcessTestKit
import Synchronization

extension PostgresServer {
    /// The settings, certificates and rules that the next start will find.
    func writeConfiguration() throws {
        let (options, role) = state.withLock { ($0.options, $0.role) }
        if options.hasUnixSocket, !FileManager.default.fileExists(atPath: socketFolder.path) {
            try programs.makeFolder(socketFolder)
        }
        try programs.write(
            options.configuration(
                port: port, socketFolder: options.hasUnixSocket ? socketFolder.path : nil, of: role),
            to: dataFolder.appendingPathComponent("postgresql.conf"))
        try programs.write(options.accessRuleText, to: dataFolder.appendingPathComponent("pg_hba.conf"))
    }

    /// Changes settings and reads them in again, without a restart. Settings that need one take effect at the next.
    /// A nil goes back to the default.
    public func configure(_ settings: [String: String?]) async throws {
        state.withLock { state in
            for (name, value) in settings { state.options.settings[name] = value }
        }
        try await reload()
    }

    /// Changes who may come in, for connections from now on.
    public func configure(accessRules: [String]?) async throws {
        state.withLock { $0.options.accessRules = accessRules }
        try await reload()
    }

    /// Writes the files and waits until the server has read them. Connections that are open read them a moment later.
    private func reload() async throws {
        try writeConfiguration()
        guard let pid else { return }
        let mark = "received SIGHUP, reloading configuration files"
        let before = count(mark)
        kill(pid, SIGHUP)
        try await Poll.untilTrue("\(name) to read its settings", every: .milliseconds(2)) { count(mark) > before }
    }

    private func count(_ mark: String) -> Int { log.components(separatedBy: mark).count - 1 }

    /// Makes the certificate for `localhost` and 127.0.0.1, valid for ten years, and its key.
    func makeCertificate() async throws {
        try await programs.run(
            "openssl", TestCertificate("server", in: folder).selfSigningArguments(), in: folder)
    }
}
