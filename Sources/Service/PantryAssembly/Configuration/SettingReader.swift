/// Takes the values out of all layers by the schema, and notes each value's origin and every problem on the way.
///
/// A bad value is noted and the default goes on in its place, so that one pass finds all problems.
struct SettingReader {
    typealias Problem = ConfigurationProblems.Problem

    private let layers: TextLayers
    private let root: DocumentNode?
    /// The file's path as messages show it.
    let file: String
    private(set) var problems: [Problem] = []
    private(set) var settings: [Setting] = []
    /// The paths of the settings whose values hold a secret, not only what is not shown.
    private(set) var secrets: Set<String> = []

    init(_ source: ConfigurationSource, root: DocumentNode?, file: String) {
        layers = TextLayers(source)
        self.root = root
        self.file = file
    }

    // MARK: Keys of any layer

    /// The value of a key from the highest layer that has one, else its default.
    mutating func value<Value>(of key: SettingKey<Value>) -> Value {
        let path = key.entry.path
        do {
            if let (texts, origin) = try layers.texts(of: key.entry) {
                return parse(texts, by: key, path: path, origin: origin) ?? key.fallback
            }
        } catch {
            note(.builtIn, path, nil, "cannot be read from flags and environment")
        }
        if let node = node(at: path), let value = parse(node, by: key, path: path) { return value }
        if !settings.contains(where: { $0.path == path }) {
            let shown = key.entry.isList ? key.entry.defaultText : key.entry.defaultText.map(key.display.text)
            settings.append(Setting(path: path, value: shown, origin: .builtIn))
        }
        return key.fallback
    }

    /// The file's node at a path; nil if it or a mapping above it is missing or no mapping.
    func node(at path: String) -> DocumentNode? {
        var node = root
        for name in path.split(separator: ".") {
            guard case .mapping(let members)? = node?.content else { return nil }
            node = members.first { $0.name == name }?.value
        }
        return node
    }

    // MARK: Members of a mapping in the file

    /// The value of one member of a list entry or plan; nil if it is missing or bad, which is noted.
    mutating func member<Value>(_ key: SettingKey<Value>, of mapping: DocumentNode, at path: String) -> Value? {
        guard case .mapping(let members) = mapping.content else { return nil }
        let path = "\(path).\(key.entry.name)"
        guard let member = members.first(where: { $0.name == key.entry.name }) else {
            if key.entry.isRequired {
                note(place(mapping.position), path, nil, "is missing: \(key.entry.plainType)")
            } else {
                settings.append(Setting(path: path, value: key.entry.defaultText, origin: .builtIn))
            }
            return nil
        }
        return parse(member.value, by: key, path: path)
    }

    // MARK: Notes

    func place(_ position: FilePosition?) -> SettingOrigin { .file(path: file, position: position) }

    mutating func note(_ place: SettingOrigin, _ path: String, _ value: String?, _ message: String) {
        problems.append(Problem(place: place, path: path, value: value, message: message))
    }

    mutating func add(_ setting: Setting) {
        settings.append(setting)
    }

    /// Where a value came from that has been read.
    func origin(of path: String) -> SettingOrigin {
        settings.first { $0.path == path }?.origin ?? .builtIn
    }

    func shownValue(of path: String) -> String? {
        settings.first { $0.path == path }?.value
    }

    // MARK: Parsing

    private mutating func parse<Value>(_ node: DocumentNode, by key: SettingKey<Value>, path: String) -> Value? {
        let origin = place(node.position)
        switch node.content {
        case .scalar(let text) where !key.entry.isList:
            return parse([text], by: key, path: path, origin: origin)
        case .sequence(let nodes) where key.entry.isList:
            var texts: [String] = []
            for element in nodes {
                guard case .scalar(let text) = element.content else {
                    note(place(element.position), path, nil, "must hold single values, not \(element.kind)")
                    continue
                }
                texts.append(text)
            }
            return texts.count == nodes.count ? parse(texts, by: key, path: path, origin: origin) : nil
        case .nothing:
            note(origin, path, nil, "has no value: \(key.entry.plainType)")
        default:
            let right = key.entry.isList ? "a list, such as [a, b]" : "a single value"
            note(origin, path, nil, "must be \(right), not \(node.kind)")
        }
        return nil
    }

    private mutating func parse<Value>(
        _ texts: [String], by key: SettingKey<Value>, path: String, origin: SettingOrigin
    ) -> Value? {
        let shownTexts = texts.map(key.display.text)
        let shown = key.entry.isList ? "[\(shownTexts.joined(separator: ", "))]" : shownTexts[0]
        settings.append(Setting(path: path, value: shown, origin: origin))
        if texts.contains(where: key.display.holdsSecret) { secrets.insert(path) }
        do {
            return try key.parse(texts)
        } catch {
            note(origin, path, shown, error.message)
            return nil
        }
    }
}
