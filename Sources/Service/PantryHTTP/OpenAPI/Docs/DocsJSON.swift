import StrictJSON

extension JSONValue {
    /// Over several lines, as people read it; short arrays and objects stay on one.
    func indented(_ depth: Int = 0) -> String {
        let compact = spaced
        if compact.utf8.count + 2 * depth <= 76 { return compact }
        let (outer, inner) = (String(repeating: "  ", count: depth), String(repeating: "  ", count: depth + 1))
        switch self {
        case .array(let elements):
            let lines = elements.map { inner + $0.indented(depth + 1) }
            return "[\n\(lines.joined(separator: ",\n"))\n\(outer)]"
        case .object(let object):
            let lines = object.members.map {
                "\(inner)\(JSONValue.string($0.name).serialized()): \($0.value.indented(depth + 1))"
            }
            return "{\n\(lines.joined(separator: ",\n"))\n\(outer)}"
        default: return compact
        }
    }

    /// On one line, with blanks where people write them.
    private var spaced: String {
        switch self {
        case .array(let elements): "[\(elements.map(\.spaced).joined(separator: ", "))]"
        case .object(let object) where object.isEmpty: "{}"
        case .object(let object): "{ \(object.members.map(Self.member).joined(separator: ", ")) }"
        default: serialized()
        }
    }

    private static func member(_ name: String, _ value: JSONValue) -> String {
        "\(JSONValue.string(name).serialized()): \(value.spaced)"
    }
}
