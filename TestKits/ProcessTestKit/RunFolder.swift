import Determinism
import Foundation

/// A folder that belongs to one test process. A program that has ``place`` as its working folder ends with the process,
/// in whatever way that ends; see ``OrphanReaper``. What programs keep is elsewhere: this folder goes with them.
package final class RunFolder: Sendable {
    /// The working folder.
    package let place: URL
    private let reaper: OrphanReaper

    /// This process's. Made when it is first asked for; a failure is kept, since it would be the same again.
    package static let shared = Result { try RunFolder() }

    /// A new one.
    package init() throws {
        let name = "pantry-run-\(ProcessInfo.processInfo.processIdentifier)-\(String(SystemRandom().next(), radix: 36))"
        // The reaper compares it with what the system says, which knows no symbolic links.
        let folder = FileManager.default.temporaryDirectory.resolvingSymlinksInPath().appendingPathComponent(name)
        place = folder.appendingPathComponent("place")
        try FileManager.default.createDirectory(
            at: place, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        reaper = try OrphanReaper(folder: folder, keepsFiles: false)
    }

    /// A command that starts `command` there. `env` replaces itself with it, so that the id is the program's own. Names
    /// of files in it are whole ones.
    package func command(_ command: [String]) -> [String] { ["/usr/bin/env", "-C", place.path] + command }

    /// Ends everything, as the end of the process would.
    package func letGo() async throws {
        reaper.letGo()
        try await reaper.ended()
    }
}
