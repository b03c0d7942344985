import Foundation

/// Rules about the size and the form of files.
extension Rule {
    static let shape: [Rule] = [fileLength, functionLength, lineLength, whiteSpace, folderNames]

    private static func isMeasured(_ file: SourceFile) -> Bool {
        file.isSwift && file.isUnder("Sources", "Tests", "TestKits", "Benchmarks")
    }

    static let fileLength = Rule(name: "file length", reason: "a file has one job: at most 400 lines") { file in
        guard isMeasured(file) else { return [] }
        let lines = file.text.lines.count
        return lines <= 400 ? [] : [Finding(path: file.path, line: 401, detail: "\(lines) lines")]
    }

    static let functionLength = Rule(name: "function length", reason: "a function fits on a screen: at most 70 lines") {
        file in
        guard isMeasured(file) else { return [] }
        return FunctionScanner.spans(in: file.tokens).filter { $0.lines > 70 }.map {
            Finding(path: file.path, line: $0.firstLine, detail: "\($0.name) has \($0.lines) lines")
        }
    }

    static let lineLength = Rule(name: "line length", reason: "at most 120 columns") { file in
        guard isMeasured(file) || file.path == "Package.swift" else { return [] }
        return file.text.lines.enumerated().compactMap { index, line in
            guard line.utf8.count > 120, line.count > 120 else { return nil }
            return Finding(path: file.path, line: index + 1, detail: "\(line.count) columns")
        }
    }

    static let whiteSpace = Rule(name: "white space", reason: "no tabs, no blanks at a line's end") { file in
        guard file.isSwift else { return [] }
        return file.text.lines.enumerated().compactMap { index, line in
            if line.utf8.contains(UInt8(ascii: "\t")) {
                return Finding(path: file.path, line: index + 1, detail: "a tab")
            }
            guard let last = line.utf8.last, last == UInt8(ascii: " ") || last == UInt8(ascii: "\r") else { return nil }
            return Finding(path: file.path, line: index + 1, detail: "white space at the end")
        }
    }

    static let folderNames = Rule(name: "folder names", reason: "a folder's name says what is inside") { file in
        let empty: Set<String> = ["util", "utils", "utilities", "helper", "helpers", "common", "misc", "shared"]
        let folders = file.path.split(separator: "/").dropLast()
        return folders.filter { empty.contains($0.lowercased()) }.map {
            Finding(path: file.path, line: 1, detail: "a folder called \($0)")
        }
    }
}

/// Rules over names and sizes, which need no text.
enum PathRules {
    /// Example data may be large; nothing else has a reason to be.
    static func largeFiles(in sizes: [String: Int]) -> [Finding] {
        sizes.sorted { $0.key < $1.key }.filter { $0.value > 1 << 20 && !$0.key.hasPrefix("Examples/") }.map {
            Finding(path: $0.key, line: 1, detail: "\($0.value) bytes, more than 1 MiB")
        }
    }

    /// Two paths that differ only in case are one file on macOS.
    static func caseCollisions(in paths: some Sequence<String>) -> [Finding] {
        Dictionary(grouping: paths, by: { $0.lowercased() }).values.filter { $0.count > 1 }.map { $0.sorted() }
            .sorted { $0[0] < $1[0] }
            .map { Finding(path: $0[0], line: 1, detail: "differs only in case from \($0[1])") }
    }
}

extension String {
    /// The lines as an editor counts them: a closing newline begins no further line. Split as bytes, because a carriage
    /// return and its newline are one `Character`.
    var lines: [Substring] {
        var lines = utf8.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).map { Substring($0) }
        if lines.last?.isEmpty == true { lines.removeLast() }
        return lines
    }
}
