import Configuration

/// The layers that hold plain texts, read by swift-configuration: the flags, and under them the environment.
///
/// Its providers are asked directly. A `ConfigReader` over them would look into the process environment for a log file,
/// and would hide which provider a value came from.
struct TextLayers {
    private let flags: InMemoryProvider
    private let environment: EnvironmentVariablesProvider
    private let flagNames: [String: String]

    /// Only known keys are handed on; the unknown ones are `UnknownNames`' business.
    init(_ source: ConfigurationSource) {
        var flagValues: [AbsoluteConfigKey: ConfigValue] = [:]
        for entry in ConfigurationSchema.entries {
            guard let flag = source.flags[entry.path] else { continue }
            let content: ConfigContent =
                entry.isList ? .stringArray(Self.elements(of: flag.value)) : .string(flag.value)
            flagValues[Self.key(entry.path)] = ConfigValue(content, isSecret: entry.isSecret)
        }
        flags = InMemoryProvider(name: "flags", values: flagValues)
        flagNames = source.flags.mapValues(\.name)
        let variables = source.environment.filter { ConfigurationSchema.variables[$0.key] != nil }
        environment = EnvironmentVariablesProvider(
            environmentVariables: variables,
            secretsSpecifier: .dynamic { name, _ in ConfigurationSchema.variables[name]?.isSecret ?? true })
    }

    /// The texts that a key has in the highest of these layers that has any.
    func texts(of entry: SchemaEntry) throws -> (texts: [String], origin: SettingOrigin)? {
        if let flag = flagNames[entry.path], let texts = try texts(of: entry, in: flags, at: Self.key(entry.path)) {
            return (texts, .flag(flag))
        }
        // The prefix PANTRY_ is the first component of the provider's key.
        if let variable = entry.environmentName,
            let texts = try texts(of: entry, in: environment, at: Self.key("pantry." + entry.path))
        {
            return (texts, .variable(variable))
        }
        return nil
    }

    private func texts(
        of entry: SchemaEntry, in provider: any ConfigProvider, at key: AbsoluteConfigKey
    ) throws -> [String]? {
        let result = try provider.value(forKey: key, type: entry.isList ? .stringArray : .string)
        switch result.value?.content {
        case .string(let text): return [text]
        // An empty text is an empty list, not a list of one empty text.
        case .stringArray(let texts): return texts == [""] ? [] : texts
        default: return nil
        }
    }

    /// Splits as the environment's provider does.
    private static func elements(of text: String) -> [String] {
        text.split(separator: ",", omittingEmptySubsequences: false).map { element in
            let start = element.drop(while: \.isWhitespace)
            return String(start.reversed().drop(while: \.isWhitespace).reversed())
        }
    }

    private static func key(_ path: String) -> AbsoluteConfigKey {
        AbsoluteConfigKey(path.split(separator: ".").map(String.init))
    }
}
