import Foundation
import ProcessTestKit

/// A PostgreSQL server, its template or one of its tools did not do what a test needs.
public struct PostgresFailure: Error, CustomStringConvertible {
    /// What happened.
    public let what: String
    /// The end of the server's log, or of the tool's messages.
    public let log: String

    /// A failure of something that wrote `log`.
    public init(what: String, log: String) { (self.what, self.log) = (what, log) }

    /// Both.
    public var description: String { "\(what). Its messages end with:\n\(log.suffix(4_000))" }
}

/// Where PostgreSQL's programs are, and the user that they run as: a server refuses to run as root.
struct PostgresPrograms: Sendable {
    /// The folder of `postgres`, `initdb` and `pg_basebackup`.
    let folder: URL
    /// The account to change to, or nil when this process is not root.
    let account: Account?

    struct Account: Sendable {
        let name: String
        let user: uid_t
        let group: gid_t
    }

    /// Looks in `PANTRY_POSTGRES_BIN`, then where Debian and Homebrew put version 15, then for newer ones.
    static func find() throws(PostgresFailure) -> PostgresPrograms {
        var candidates: [String] = []
        if let named = ProcessInfo.processInfo.environment["PANTRY_POSTGRES_BIN"], !named.isEmpty {
            candidates = [named]
        } else {
            candidates = ["/usr/lib/postgresql/15/bin", "/opt/homebrew/opt/postgresql@15/bin", "/usr/pgsql-15/bin"]
            for version in 16...19 { candidates.append("/usr/lib/postgresql/\(version)/bin") }
        }
        guard
            let found = candidates.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/initdb") })
        else {
            throw PostgresFailure(
                what: "there is no PostgreSQL server on this machine; scripts/bootstrap --tests installs one",
                log: "looked for initdb in \(candidates.joined(separator: ", "))")
        }
        return PostgresPrograms(folder: URL(fileURLWithPath: found), account: try unprivilegedAccount())
    }

    /// `postgres` where there is such an account, else `nobody`.
    private static func unprivilegedAccount() throws(PostgresFailure) -> Account? {
        guard geteuid() == 0 else { return nil }
        for name in ["postgres", "nobody"] {
            var entry = passwd()
            var buffer = [CChar](repeating: 0, count: 16_384)
            var found: UnsafeMutablePointer<passwd>?
            getpwnam_r(name, &entry, &buffer, buffer.count, &found)
            if found != nil { return Account(name: name, user: entry.pw_uid, group: entry.pw_gid) }
        }
        throw PostgresFailure(what: "a server must not run as root, and there is no account to run it as", log: "")
    }

    /// The path of one of PostgreSQL's programs.
    func path(_ program: String) -> String { folder.appendingPathComponent(program).path }

    /// The command that runs `program` with the working folder `directory` as the unprivileged account. Every link of
    /// the chain replaces itself with the next one, so that the process id is the program's.
    func command(_ program: String, _ arguments: [String], in directory: URL) -> [String] {
        var command = ["/usr/bin/env", "-C", directory.path]
        if let account {
            command += [
                "setpriv", "--reuid=\(account.user)", "--regid=\(account.group)", "--clear-groups", "--",
            ]
        }
        return command + [program] + arguments
    }

    /// The variables of a server or a tool: none that would steer it from outside, and messages in English.
    func environment(_ more: [String: String] = [:]) -> [String: String] {
        Program.scrubbedEnvironment().filter { !$0.key.hasPrefix("PG") && !$0.key.hasPrefix("LC_") && $0.key != "LANG" }
            .merging(["LC_ALL": "C.UTF-8", "TZ": "UTC"]) { $1 }.merging(more) { $1 }
    }

    /// Runs a tool to its end.
    /// - Throws: ``PostgresFailure`` when it fails, with its messages.
    @discardableResult
    func run(
        _ program: String, _ arguments: [String], in directory: URL, environment more: [String: String] = [:],
        within limit: Duration = .seconds(120)
    ) async throws -> String {
        let command = command(program, arguments, in: directory)
        let result = try await Program.run(
            command[0], Array(command.dropFirst()),
            // A home of its own: root's certificates and passwords cannot be read by the other account.
            environment: environment(["HOME": directory.path].merging(more) { $1 }), within: limit)
        guard result.exit.isSuccess else {
            throw PostgresFailure(
                what: "\(URL(fileURLWithPath: program).lastPathComponent) \(result.exit)",
                log: result.text + result.errors)
        }
        return result.text
    }

    /// Gives a file or an empty folder to the unprivileged account.
    func own(_ url: URL) throws(PostgresFailure) {
        guard let account else { return }
        guard chown(url.path, account.user, account.group) == 0 else {
            throw PostgresFailure(
                what: "\(url.path) cannot be given to \(account.name): \(String(cString: strerror(errno)))", log: "")
        }
    }

    /// Makes a folder that only the unprivileged account (and root) may enter.
    func makeFolder(_ url: URL) throws {
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
        try own(url)
    }

    /// Writes a file that only the unprivileged account (and root) may read.
    func write(_ text: String, to url: URL) throws {
        // Replaced rather than rewritten: the server may be reading it, and must never see half of it.
        let draft = url.appendingPathExtension("draft")
        guard
            FileManager.default.createFile(
                atPath: draft.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        else { throw PostgresFailure(what: "\(draft.path) cannot be written", log: "") }
        try own(draft)
        guard rename(draft.path, url.path) == 0 else {
            throw PostgresFailure(what: "\(url.path) cannot be replaced", log: String(cString: strerror(errno)))
        }
    }
}
