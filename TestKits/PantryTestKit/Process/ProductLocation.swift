import Foundation
import ProcessTestKit

extension ProductLocation {
    /// The built `pantry`: what `PANTRY_BINARY` names, else the one beside the running tests, else the package's own
    /// build.
    /// - Throws: ``SpawnError`` that names the places looked at.
    public static func pantry(file: String = #filePath) throws(SpawnError) -> String {
        if let named = ProcessInfo.processInfo.environment["PANTRY_BINARY"], !named.isEmpty {
            // As seen from here: servers have another working folder.
            return URL(fileURLWithPath: named).path
        }
        return try executable("pantry", file: file)
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
