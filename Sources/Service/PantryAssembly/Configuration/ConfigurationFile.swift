import Foundation

/// The configuration file's bytes, read with care.
struct ConfigurationFile {
    static let largestSize = 1 << 20

    var text: String
    /// Whether everyone on the machine may read it.
    var isWorldReadable: Bool

    /// Reads at most `largestSize` bytes; `path` is absolute.
    static func read(_ path: String) throws(DocumentError) -> ConfigurationFile {
        let data = try bytes(of: path)
        guard data.count <= largestSize else {
            throw DocumentError(message: "is larger than 1 MiB", position: nil)
        }
        guard let text = String(validating: data, as: UTF8.self) else {
            throw DocumentError(message: "is not UTF-8", position: firstInvalidByte(in: data))
        }
        // attributesOfItem looks at a link itself, whose permissions say nothing.
        let target = URL(fileURLWithPath: path).resolvingSymlinksInPath().path
        let attributes = try? FileManager.default.attributesOfItem(atPath: target)
        let permissions = (attributes?[.posixPermissions] as? NSNumber)?.intValue ?? 0
        return ConfigurationFile(text: text, isWorldReadable: permissions & 0o004 != 0)
    }

    /// One byte more than allowed tells a file that is too large; a pipe gives its bytes in several reads.
    private static func bytes(of path: String) throws(DocumentError) -> Data {
        var isDirectory: ObjCBool = false
        guard FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory) else {
            throw DocumentError(message: "there is no such file", position: nil)
        }
        if isDirectory.boolValue { throw DocumentError(message: "is a directory, not a file", position: nil) }
        do {
            let handle = try FileHandle(forReadingFrom: URL(fileURLWithPath: path))
            defer { try? handle.close() }
            var data = Data()
            while data.count <= largestSize, let part = try handle.read(upToCount: largestSize + 1 - data.count),
                !part.isEmpty
            {
                data.append(part)
            }
            return data
        } catch {
            let isDenied = (error as? CocoaError)?.code == .fileReadNoPermission
            let reason = isDenied ? "permission denied" : error.localizedDescription
            throw DocumentError(message: "cannot be read: \(reason)", position: nil)
        }
    }

    private static func firstInvalidByte(in data: Data) -> FilePosition {
        var decoder = UTF8()
        var bytes = data.makeIterator()
        var position = FilePosition(line: 1, column: 1)
        while case .scalarValue(let scalar) = decoder.decode(&bytes) {
            if scalar == "\n" {
                position = FilePosition(line: position.line + 1, column: 1)
            } else {
                position.column += 1
            }
        }
        return position
    }
}
