import Foundation

/// Where the built `pantry` is.
public enum ProductLocation {
    /// The executable: what `PANTRY_BINARY` names, else the one beside the running tests, else the package's own build.
    /// - Throws: ``SpawnError`` that names the places looked at.
    public static func pantry(file: String = #filePath) throws(SpawnError) -> String {
        if let named = ProcessInfo.processInfo.environment["PANTRY_BINARY"], !named.isEmpty { return named }
        let candidates = productFolders(file: file).map { $0.appendingPathComponent("pantry").path }
        guard let found = candidates.first(where: FileManager.default.isExecutableFile(atPath:)) else {
            throw SpawnError(description: "there is no pantry; build it first. Looked for: \(candidates)")
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

/// Limits of this process that a thousand connections would meet.
public enum ResourceLimits {
    /// Raises the number of files this process, and what it starts, may have open to what the machine allows.
    /// - Returns: that number.
    @discardableResult
    public static func raiseOpenFiles() -> Int {
        #if os(Linux)
            let resource = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        #else
            let resource = RLIMIT_NOFILE
        #endif
        var limits = rlimit()
        getrlimit(resource, &limits)
        limits.rlim_cur = min(limits.rlim_max, 65_536)
        setrlimit(resource, &limits)
        return Int(limits.rlim_cur)
    }
}
