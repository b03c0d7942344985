import Foundation

/// One text file of the repository. `path` is relative to the root, with `/` between its parts.
struct SourceFile: Sendable {
    let path: String
    let text: String
    /// The text with comments and string contents blanked out; equal to `text` for a file that is not Swift.
    let code: String
    /// The words and signs of `code`; empty for a file that is not Swift.
    let tokens: [SwiftToken]

    init(path: String, text: String) {
        self.path = path
        self.text = text
        if path.hasSuffix(".swift") {
            let masked = SwiftMask.masked(text)
            code = masked
            tokens = SwiftToken.tokens(of: masked)
        } else {
            code = text
            tokens = []
        }
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var name: String { path.split(separator: "/").last.map(String.init) ?? path }

    func isUnder(_ folders: String...) -> Bool {
        folders.contains { path.hasPrefix($0 + "/") }
    }
}

/// The files of a working copy, build products and other people's files left out.
struct Repository: Sendable {
    /// Above this size a file is listed and measured but never read.
    static let largestTextFile = 1 << 20

    let root: URL
    let sizes: [String: Int]
    let files: [SourceFile]

    static let current = Repository(root: locateRoot(above: #filePath))

    init(root: URL) {
        self.root = root
        var found: [String: Int] = [:]
        Self.walk(root, prefix: "", into: &found)
        sizes = found
        files = found.keys.sorted().compactMap { path in
            guard let size = found[path], size <= Self.largestTextFile else { return nil }
            guard let data = FileManager.default.contents(atPath: root.appendingPathComponent(path).path) else {
                return nil
            }
            return String(data: data, encoding: .utf8).map { SourceFile(path: path, text: $0) }
        }
    }

    var swiftFiles: [SourceFile] { files.filter(\.isSwift) }

    /// The nearest folder above `file` that holds a Package.swift.
    static func locateRoot(above file: String) -> URL {
        var folder = URL(fileURLWithPath: file).resolvingSymlinksInPath().deletingLastPathComponent()
        while folder.path != "/" {
            if FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) {
                return folder
            }
            folder = folder.deletingLastPathComponent()
        }
        fatalError("no Package.swift above \(file)")
    }

    /// Folders that hold nothing anybody wrote for this repository.
    static func isForeign(folder name: String) -> Bool {
        let foreign: Set<String> = [
            ".git", ".swiftpm", ".index-build", ".idea", ".vscode", "DerivedData", "__pycache__", "node_modules",
            "pantry-data",
        ]
        return foreign.contains(name) || name.hasPrefix(".build") || name.hasSuffix(".xcodeproj")
    }

    private static func walk(_ folder: URL, prefix: String, into found: inout [String: Int]) {
        let manager = FileManager.default
        for name in (try? manager.contentsOfDirectory(atPath: folder.path)) ?? [] {
            let child = folder.appendingPathComponent(name)
            var isFolder: ObjCBool = false
            guard manager.fileExists(atPath: child.path, isDirectory: &isFolder) else { continue }
            if isFolder.boolValue {
                if !isForeign(folder: name) { walk(child, prefix: prefix + name + "/", into: &found) }
            } else {
                let attributes = try? manager.attributesOfItem(atPath: child.path)
                found[prefix + name] = (attributes?[.size] as? NSNumber)?.intValue ?? 0
            }
        }
    }
}
