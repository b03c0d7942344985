/// Where a value came from: for `pantry config explain`, and the place that a problem names.
package enum SettingOrigin: Sendable, Equatable {
    case builtIn
    /// The position is nil if the file as a whole is meant.
    case file(path: String, position: FilePosition?)
    case variable(String)
    case flag(String)
}

/// A place in a file; both numbers start from 1.
package struct FilePosition: Sendable, Equatable {
    package var line: Int
    package var column: Int

    package init(line: Int, column: Int) {
        self.line = line
        self.column = column
    }
}

extension SettingOrigin: CustomStringConvertible {
    package var description: String {
        switch self {
        case .builtIn: "default"
        case .file(let path, let position?): "\(path):\(position.line):\(position.column)"
        case .file(let path, nil): path
        case .variable(let name), .flag(let name): name
        }
    }
}

extension SettingOrigin: Encodable {
    private enum CodingKeys: String, CodingKey {
        case source, file, line, column, name
    }

    /// `{"source": "file", "file": …, "line": …, "column": …}`, `{"source": "variable", "name": …}` and so on.
    package func encode(to encoder: any Encoder) throws {
        var container = encoder.container(keyedBy: CodingKeys.self)
        switch self {
        case .builtIn:
            try container.encode("default", forKey: .source)
        case .file(let path, let position):
            try container.encode("file", forKey: .source)
            try container.encode(path, forKey: .file)
            try container.encodeIfPresent(position?.line, forKey: .line)
            try container.encodeIfPresent(position?.column, forKey: .column)
        case .variable(let name):
            try container.encode("variable", forKey: .source)
            try container.encode(name, forKey: .name)
        case .flag(let name):
            try container.encode("flag", forKey: .source)
            try container.encode(name, forKey: .name)
        }
    }
}
