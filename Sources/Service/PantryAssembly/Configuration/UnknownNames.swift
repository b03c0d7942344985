/// Notes what is set but no key of the schema, with the nearest key that is. The values are not shown: behind a
/// mistyped name may stand a secret.
enum UnknownNames {
    // MARK: The file

    /// Walks the file down to the schema's keys; what is inside `shards` and `limits.plans` their own readers check.
    static func note(in root: DocumentNode, into reader: inout SettingReader) {
        note(in: root, below: "", into: &reader)
    }

    private static func note(in node: DocumentNode, below path: String, into reader: inout SettingReader) {
        guard case .mapping(let members) = node.content else {
            // A section with everything in it commented out is as good as none.
            if case .nothing = node.content { return }
            let names = children(of: path).joined(separator: ", ")
            reader.note(reader.place(node.position), path, nil, "must be a mapping with \(names), not \(node.kind)")
            return
        }
        let known = children(of: path)
        for member in members {
            let memberPath = path.isEmpty ? member.name : "\(path).\(member.name)"
            if !known.contains(member.name) {
                let advice = advice(member.name, below: path, known: known)
                reader.note(reader.place(member.position), shown(memberPath), nil, "unknown key\(advice)")
            } else if !keys.contains(memberPath) {
                note(in: member.value, below: memberPath, into: &reader)
            }
        }
    }

    /// Notes the unknown members of a shard or plan.
    static func note(
        in members: [DocumentMember], known: [String], at path: String, into reader: inout SettingReader
    ) {
        for member in members where !known.contains(member.name) {
            let nearest = NearestName.to(member.name, in: known).map { "did you mean \"\($0)\"?" }
            let advice = nearest ?? "known here are \(known.joined(separator: ", "))"
            reader.note(reader.place(member.position), shown("\(path).\(member.name)"), nil, "unknown key; \(advice)")
        }
    }

    private static let keys = Set(ConfigurationSchema.entries.map(\.path))

    /// The words that may follow a path.
    private static func children(of path: String) -> [String] {
        let prefix = path.isEmpty ? "" : path + "."
        var names: [String] = []
        for key in ConfigurationSchema.entries.map(\.path) where key.hasPrefix(prefix) && !key.contains("[") {
            let name = String(key.dropFirst(prefix.count).prefix { $0 != "." })
            if !names.contains(name) { names.append(name) }
        }
        return names
    }

    private static func advice(_ name: String, below path: String, known: [String]) -> String {
        if keys.contains(name), let dot = name.firstIndex(of: ".") {
            return "; write it nested, as \(name[..<dot]): { \(name[name.index(after: dot)...]): … }"
        }
        if let nearest = NearestName.to(name, in: known) { return "; did you mean \"\(nearest)\"?" }
        if let elsewhere = ConfigurationSchema.entries.first(where: { !$0.isFileOnly && $0.name == name }) {
            return "; did you mean \"\(elsewhere.path)\"?"
        }
        return path.isEmpty ? "" : "; known here are \(known.joined(separator: ", "))"
    }

    private static func shown(_ path: String) -> String { ValueDisplay.printable(path) }

    // MARK: Variables and flags

    static func note(in environment: [String: String], into reader: inout SettingReader) {
        let hasServiceLinks = KubernetesServiceLinks.mayOccur(in: environment)
        let known = ConfigurationSchema.variables.keys.sorted() + KnownVariables.all
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where name.hasPrefix(EnvironmentName.prefix) && !known.contains(name) {
            if hasServiceLinks, KubernetesServiceLinks.isLink(name, value: value) { continue }
            let message: String
            if name == "PANTRY_SHARDS" || name.hasPrefix("PANTRY_SHARDS_") || name.hasPrefix("PANTRY_LIMITS") {
                message = "unknown variable; shards and limits.plans come from the configuration file only"
            } else {
                let nearest = NearestName.to(name, in: known).map { "; did you mean \($0)?" } ?? ""
                message = "unknown variable\(nearest)"
            }
            reader.note(.variable(shown(name)), "", nil, message)
        }
        guard hasServiceLinks else { return }
        for (name, value) in environment.sorted(by: { $0.key < $1.key })
        where ConfigurationSchema.variables[name] != nil && KubernetesServiceLinks.isAddress(value) {
            reader.note(
                .variable(name), "", nil,
                "is set by Kubernetes for a Service of that name; set enableServiceLinks: false in the pod's spec")
        }
    }

    /// A flag of an unknown key is a mistake of the command, but the user should still learn of it.
    static func note(in flags: [String: ConfigurationSource.Flag], into reader: inout SettingReader) {
        for (path, flag) in flags.sorted(by: { $0.key < $1.key }) {
            guard let entry = ConfigurationSchema.entries.first(where: { $0.path == path }) else {
                reader.note(.flag(flag.name), path, nil, "sets an unknown key")
                continue
            }
            if entry.isFileOnly {
                reader.note(.flag(flag.name), path, nil, "comes from the configuration file only")
            }
        }
    }
}
