import Determinism
import Foundation
import ProcessTestKit
import Synchronization

/// What all servers of this test process share: a folder, the programs, and a data folder that `initdb` made once and
/// that each server gets a copy of.
actor PostgresTemplate {
    /// The one of this process.
    static let shared = PostgresTemplate()

    /// The folder of this process, with everything that copies need.
    struct Site: Sendable {
        let programs: PostgresPrograms
        /// Holds the template and the folders of the testbeds.
        let folder: URL
        /// What `initdb` made.
        let data: URL
        /// The superuser's.
        let password: String
        fileprivate let reaper: OrphanReaper
    }
    private enum State {
        case empty
        case making
        case made(Site)
        case failed(any Error)
    }
    private var state = State.empty

    /// The site, made when it is first asked for. A failure is kept: it would be the same again.
    nonisolated func site() async throws -> Site {
        await makeUnlessBegun()
        return try await Poll.until("the template of the servers", within: .seconds(180)) { try await made() }
    }

    private func made() throws -> Site? {
        switch state {
        case .empty, .making: nil
        case .made(let site): site
        case .failed(let error): throw error
        }
    }

    private func makeUnlessBegun() async {
        guard case .empty = state else { return }
        state = .making
        do { state = .made(try await Self.make()) } catch is CancellationError {
            // The next one that asks tries again.
            state = .empty
        } catch { state = .failed(error) }
    }

    private static func make() async throws -> Site {
        let programs = try PostgresPrograms.find()
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appendingPathComponent(
            "pantry-postgres-\(ProcessInfo.processInfo.processIdentifier)-\(randomName())")
        try programs.makeFolder(folder)
        let reaper = try OrphanReaper(folder: folder, keepsFiles: PostgresTestbed.keepsFiles)
        let password = randomName() + randomName()
        let passwordFile = folder.appendingPathComponent("password")
        try programs.write(password, to: passwordFile)
        let data = folder.appendingPathComponent("template")
        try await programs.run(
            programs.path("initdb"),
            [
                "--pgdata", data.path, "--username", "postgres", "--pwfile", passwordFile.path, "--encoding", "UTF8",
                "--locale", "C.UTF-8", "--auth", "scram-sha-256", "--no-sync", "--no-instructions",
            ], in: folder)
        return Site(programs: programs, folder: folder, data: data, password: password, reaper: reaper)
    }

    /// Eight random letters.
    static func randomName() -> String {
        var random = SystemRandom().next()
        var name = ""
        for _ in 0..<8 {
            name.append(Character(UnicodeScalar(UInt8(ascii: "a") + UInt8(random % 26))))
            random /= 26
        }
        return name
    }
}
