import StrictJSON

/// Schemas as nested lists of members. Named schemas are linked, not repeated.
struct DocsSchema {
    let document: OpenAPIDocument

    /// What a value is, in a few words: `string`, `array of OrderLine`, `one of read, write, admin`.
    func type(_ schema: JSONValue) -> HTML {
        guard let object = schema.object else { return .nothing }
        if let name = Self.name(of: schema) { return "<a href=\"#schema-\(name)\">\(name)</a>" }
        if let choices = object["enum"]?.array {
            return "one of \(choices.map { "<code>\(Self.word($0))</code>" as HTML }.joined(separator: ", "))"
        }
        if let constant = object["const"] { return "always <code>\(Self.word(constant))</code>" }
        for combination in ["oneOf", "anyOf", "allOf"] where object["properties"] == nil {
            guard let parts = object[combination]?.array else { continue }
            if combination == "allOf", let first = parts.first { return type(first) }
            return parts.map(type).joined(separator: " or ")
        }
        if let items = object["items"] { return "array of \(type(items))" }
        switch object["type"] {
        case .string(let name)?: return "\(name)"
        case .array(let names)?: return "\(names.compactMap(\.string).joined(separator: " or "))"
        default: return object["properties"] == nil ? "any value" : "object"
        }
    }

    /// The bounds of a value, such as `1 to 100` and its pattern.
    func limits(_ schema: JSONValue) -> HTML {
        guard let object = schema.object, Self.name(of: schema) == nil else { return .nothing }
        var parts: [HTML] = []
        if let format = object["format"]?.string { parts.append("\(format)") }
        let range = Self.range(object["minimum"], object["maximum"])
        if let range { parts.append("\(range)") }
        if let length = Self.range(object["minLength"], object["maxLength"]) { parts.append("\(length) characters") }
        if let count = Self.range(object["minItems"], object["maxItems"]) { parts.append("\(count) elements") }
        if let usual = object["default"] { parts.append("default <code>\(Self.word(usual))</code>") }
        if let pattern = object["pattern"]?.string { parts.append("<code class=\"pattern\">\(pattern)</code>") }
        guard !parts.isEmpty else { return .nothing }
        return "<span class=\"limits\">\(parts.joined(separator: " · "))</span>"
    }

    /// The members of an object, or of the objects in an array; nothing for what has none of its own.
    func members(_ schema: JSONValue) -> HTML {
        guard Self.name(of: schema) == nil, let object = schema.object else { return .nothing }
        if let items = object["items"] { return members(items) }
        if object["properties"] == nil, let parts = object["oneOf"]?.array { return parts.map(members).joined() }
        guard let properties = object["properties"]?.object, !properties.isEmpty else { return .nothing }
        let required = (object["required"]?.array ?? []).compactMap(\.string)
        let rows = properties.members.map { name, value -> HTML in
            let mark: HTML = required.contains(name) ? "<em class=\"required\">required</em>" : ""
            return """
                <li><code class="member">\(name)</code> <span class="type">\(type(value))</span> \(mark) \
                \(limits(value))\(DocsMarkdown.html(value.object?["description"]?.string))\(members(value))</li>
                """
        }
        return "<ul class=\"members\">\(rows.joined())</ul>"
    }

    /// A schema where it is used: what it is, and its members, also those of a named one.
    func use(_ schema: JSONValue) -> HTML {
        let inner = members(document.resolved(schema))
        return "<div class=\"schema\"><p class=\"type\">\(type(schema)) \(limits(schema))</p>\(inner)</div>"
    }

    /// The codes that a problem may have here.
    func codes(_ schema: JSONValue) -> [String] {
        let parts = schema.object?["allOf"]?.array ?? []
        return parts.flatMap { part -> [String] in
            let code = part.object?["properties"]?.object?["code"]?.object
            return code?["enum"]?.array?.compactMap(\.string) ?? [code?["const"]?.string].compactMap { $0 }
        }
    }

    /// All named schemas, each with a place to link to.
    var all: HTML {
        document.components("schemas").members.map { name, schema -> HTML in
            """
            <article class="named" id="schema-\(name)" data-find="\(name.lowercased())"><h3>\(name)</h3>
            \(DocsMarkdown.html(schema.object?["description"]?.string))\(use(schema))</article>
            """
        }.joined()
    }

    private static func name(of schema: JSONValue) -> String? {
        guard let place = schema.object?["$ref"]?.string else { return nil }
        return place.split(separator: "/").last.map(String.init)
    }

    private static func word(_ value: JSONValue) -> String { value.string ?? value.serialized() }

    private static func range(_ low: JSONValue?, _ high: JSONValue?) -> String? {
        switch (low?.numberLiteral, high?.numberLiteral) {
        case (let low?, let high?): "\(low) to \(high)"
        case (let low?, nil): "at least \(low)"
        case (nil, let high?): "at most \(high)"
        case (nil, nil): nil
        }
    }
}
