import Foundation

/// Where the package's built executables are.
public enum ProductLocation {
    /// The executable of that name: the one beside the running tests, else the package's own build.
    /// - Parameter file: a file of the package, to find its folder by.
    /// - Throws: ``SpawnError`` that names the places looked at.
    public static func executable(_ name: String, file: String = #filePath) throws(SpawnError) -> String {
        let candidates = productFolders(file: file).map { $0.appendingPathComponent(name).path }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw SpawnError(description: "there is no \(name); build it first. Looked for: \(candidates)")
        }
        return found
    }

    /// The tests run from the folder of products on Linux; on macOS a runner of the toolchain loads them.
    private static func productFolders(file: String) -> [URL] {
        let running = URL(fileURLWithPath: CommandLine.arguments.first ?? "").deletingLastPathComponent()
        let link = "/proc/self/exe"
        let linked = (try? FileManager.default.destinationOfSymbolicLink(atPath: link)).map {
            URL(fileURLWithPath: $0).deletingLastPathComponent()
        }
        var root = URL(fileURLWithPath: file)
        while root.path.count > 1, !FileManager.default.fileExists(atPath: root.path + "/Package.swift") {
            root.deleteLastPathComponent()
        }
        let builds = ["debug", "release"].map { root.appendingPathComponent(".build/\($0)") }
        return [linked, running].compactMap { $0 } + builds
    }
}
