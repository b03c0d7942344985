import Foundation

/// The example data that comes with Pantry's sources.
enum ExampleFiles {
    /// Finds `Examples/grocery/NAME` in the working directory, or in a folder that the executable is in, however deep.
    static func grocery(_ name: String, option: String) throws -> String {
        let path = "Examples/grocery/\(name)"
        let files = FileManager.default
        if files.fileExists(atPath: path) { return path }
        var folder = (Bundle.main.executableURL ?? URL(fileURLWithPath: CommandLine.arguments[0]))
            .resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path.count > 1 {
            let candidate = folder.appendingPathComponent(path).path
            if files.fileExists(atPath: candidate) { return candidate }
            folder.deleteLastPathComponent()
        }
        throw CommandFailure(
            .failed,
            "there is no \(path), neither in the working directory nor beside the program; run from Pantry's folder, "
                + "or give \(option) FILE")
    }
}
