/// Reads a configuration: flag > environment > file > default.
package enum ConfigurationLoader {
    /// Reads and checks everything that `source` names, and throws all problems at once.
    package static func load(_ source: ConfigurationSource) throws(ConfigurationProblems) -> LoadedConfiguration {
        let read = readFile(of: source)
        var reader = SettingReader(source, root: read.root, file: read.shownPath)
        for problem in read.problems { reader.note(problem.place, problem.path, problem.value, problem.message) }
        if let root = read.root { UnknownNames.note(in: root, into: &reader) }
        UnknownNames.note(in: source.environment, into: &reader)
        UnknownNames.note(in: source.flags, into: &reader)
        let configuration = reader.configuration(workingDirectory: source.workingDirectory)
        reader.checkTogether(configuration)
        guard reader.problems.isEmpty else { throw ConfigurationProblems(problems: sorted(reader.problems)) }
        return LoadedConfiguration(
            configuration: configuration, settings: reader.settings, file: read.path,
            warnings: reader.warnings(configuration, isWorldReadable: read.isWorldReadable))
    }

    /// What came of the file; without one, everything is empty.
    private struct FileRead {
        /// The absolute path, and the one to show: as the user wrote it.
        var path: String?
        var shownPath = ""
        var root: DocumentNode?
        var isWorldReadable = false
        var problems: [ConfigurationProblems.Problem] = []
    }

    private static func readFile(of source: ConfigurationSource) -> FileRead {
        var read = FileRead()
        guard let named = source.file ?? source.environment[KnownVariables.file] else { return read }
        let isFromVariable = source.file == nil
        guard !named.isEmpty else {
            let place: SettingOrigin = isFromVariable ? .variable(KnownVariables.file) : .flag("--config")
            read.problems = [.init(place: place, path: "", value: "", message: "must name the configuration file")]
            return read
        }
        let path = ConfiguredPath.resolve(named, under: source.workingDirectory)
        read.path = path
        read.shownPath = ValueDisplay.printable(named)
        do throws(DocumentError) {
            let file = try ConfigurationFile.read(path)
            read.isWorldReadable = file.isWorldReadable
            let root = try ConfigurationDocument.parse(file.text)
            if let root, case .mapping = root.content {
                read.root = root
            } else if let root {
                throw DocumentError(
                    message: "must be a mapping of sections such as server: { port: 8080 }, not \(root.kind)",
                    position: root.position)
            }
        } catch {
            let origin = isFromVariable && error.position == nil ? " (named by \(KnownVariables.file))" : ""
            read.problems = [
                .init(
                    place: .file(path: read.shownPath, position: error.position), path: "", value: nil,
                    message: error.message + origin)
            ]
        }
        return read
    }

    /// The file's problems by line, then those of variables and flags.
    private static func sorted(_ problems: [ConfigurationProblems.Problem]) -> [ConfigurationProblems.Problem] {
        func rank(_ problem: ConfigurationProblems.Problem) -> (Int, Int, Int, String) {
            switch problem.place {
            case .file(_, let position): (0, position?.line ?? 0, position?.column ?? 0, problem.path)
            case .variable(let name): (1, 0, 0, name)
            case .flag(let name): (2, 0, 0, name)
            case .builtIn: (3, 0, 0, problem.path)
            }
        }
        return problems.sorted { rank($0) < rank($1) }
    }
}
