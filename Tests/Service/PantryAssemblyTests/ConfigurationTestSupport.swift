import Foundation
import PantryAssembly

/// Loads a configuration whose file, if any, is `pantry.yaml` in a directory of its own.
struct ConfigurationTrial {
    var yaml: String?
    var environment: [String: String] = [:]
    /// By path; the flag's name is `--` and the path's last word.
    var flags: [String: String] = [:]
    var fileName = "pantry.yaml"
    var permissions = 0o600

    init(_ yaml: String? = nil, environment: [String: String] = [:], flags: [String: String] = [:]) {
        self.yaml = yaml
        self.environment = environment
        self.flags = flags
    }

    /// The working directory is `/srv/pantry`, so that resolved paths are known.
    func load() throws -> LoadedConfiguration {
        try load(bytes: yaml.map { Foundation.Data($0.utf8) })
    }

    func load(bytes: Foundation.Data?) throws -> LoadedConfiguration {
        let directory = FileManager.default.temporaryDirectory.appendingPathComponent("pantry-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let file = directory.appendingPathComponent(fileName)
        if let bytes {
            try bytes.write(to: file)
            try FileManager.default.setAttributes([.posixPermissions: permissions], ofItemAtPath: file.path)
        }
        var source = ConfigurationSource(environment: environment, workingDirectory: "/srv/pantry")
        source.file = bytes == nil ? nil : file.path
        for (path, value) in flags {
            let name = "--" + (path.split(separator: ".").last ?? "")
            source.flags[path] = ConfigurationSource.Flag(name: name, value: value)
        }
        do {
            return try ConfigurationLoader.load(source)
        } catch {
            // The directory's name is new each time; the tests compare whole lines.
            var problems = error
            for index in problems.problems.indices {
                if case .file(_, let position) = problems.problems[index].place {
                    problems.problems[index].place = .file(path: fileName, position: position)
                }
            }
            throw problems
        }
    }

    var configuration: PantryConfiguration {
        get throws { try load().configuration }
    }

    /// One line for each problem, none if the configuration loads.
    var problems: [String] {
        get throws { try problems(bytes: yaml.map { Foundation.Data($0.utf8) }) }
    }

    func problems(bytes: Foundation.Data?) throws -> [String] {
        do {
            _ = try load(bytes: bytes)
            return []
        } catch let problems as ConfigurationProblems {
            return problems.description.split(separator: "\n").map(String.init)
        }
    }
}

extension LoadedConfiguration {
    func setting(_ path: String) -> Setting? { settings.first { $0.path == path } }
}

/// The text of a file of the project, found above this file.
func projectFile(_ path: String) throws -> String {
    var directory = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
    while directory.path != "/" {
        let file = directory.appendingPathComponent(path)
        if FileManager.default.fileExists(atPath: file.path) { return try String(contentsOf: file, encoding: .utf8) }
        directory.deleteLastPathComponent()
    }
    throw CocoaError(.fileNoSuchFile)
}
