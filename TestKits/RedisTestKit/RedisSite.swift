import Determinism
import Foundation
import ProcessTestKit

/// What all servers of this test process share: a folder, and what ends them with the process.
struct RedisSite: Sendable {
    let folder: URL
    private let reaper: OrphanReaper

    /// Made when it is first asked for. A failure is kept: it would be the same again.
    static let shared = Result { try RedisSite() }

    /// Whether folders stay for whoever looks into a failure: the variable `PANTRY_TEST_KEEP`.
    static var keepsFiles: Bool { ProcessInfo.processInfo.environment["PANTRY_TEST_KEEP"] != nil }

    private init() throws {
        folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appendingPathComponent(
            "pantry-redis-\(ProcessInfo.processInfo.processIdentifier)-\(Self.randomName())")
        try Self.makeFolder(folder)
        reaper = try OrphanReaper(folder: folder, keepsFiles: Self.keepsFiles)
    }

    /// A new folder of that name in the site's.
    func makeFolder() throws -> URL {
        let place = folder.appendingPathComponent("server-\(Self.randomName())")
        try Self.makeFolder(place)
        return place
    }

    private static func makeFolder(_ url: URL) throws {
        try FileManager.default.createDirectory(
            at: url, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o700])
    }

    private static func randomName() -> String { String(SystemRandom().next(), radix: 36) }

    /// Looks in `PANTRY_REDIS_BIN`, then where Debian and Homebrew put it.
    static func program(_ name: String) throws -> String {
        let named = ProcessInfo.processInfo.environment["PANTRY_REDIS_BIN"].map { [$0] }
        let folders = named ?? ["/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"]
        guard let folder = folders.first(where: { FileManager.default.isExecutableFile(atPath: "\($0)/\(name)") })
        else {
            throw RedisFailure(
                what: "there is no \(name) on this machine; scripts/bootstrap --tests installs one",
                log: "looked in \(folders.joined(separator: ", "))")
        }
        return "\(folder)/\(name)"
    }
}
