import StrictJSON
import Yams

/// The OpenAPI description: one YAML text, and the JSON that it says.
struct OpenAPIDocument {
    /// The whole document.
    let root: JSONObject

    /// Reads a document.
    ///
    /// - Throws: `YamlError`, or ``OpenAPIError`` for YAML that JSON has no words for.
    init(yaml: String) throws {
        // The encoding is given because Yams would otherwise look for one in the process environment.
        let parser = try Parser(yaml: yaml, resolver: .basic, encoding: .utf8)
        guard let node = try parser.singleRoot(), case .object(let root) = try Self.json(node) else {
            throw OpenAPIError(description: "the description is not a mapping")
        }
        self.root = root
    }

    /// Follows `$ref` within the document; anything else is returned as it is.
    func resolved(_ value: JSONValue) -> JSONValue {
        guard let place = value.object?["$ref"]?.string, place.hasPrefix("#/") else { return value }
        let steps = place.dropFirst(2).split(separator: "/").map(String.init)
        let target = steps.reduce(JSONValue.object(root) as JSONValue?) { $0?.object?[$1] }
        return target.map(resolved) ?? value
    }

    /// The members of `components` of one kind, such as `schemas`, in order.
    func components(_ kind: String) -> JSONObject { root["components"]?.object?[kind]?.object ?? [:] }

    // MARK: YAML

    private static func json(_ node: Node) throws -> JSONValue {
        switch node {
        case .scalar(let scalar): return value(scalar)
        case .sequence(let sequence): return .array(try sequence.map(json))
        case .mapping(let mapping):
            var object = JSONObject()
            for (key, value) in mapping {
                guard case .scalar(let name) = key else {
                    throw OpenAPIError(description: "line \(key.mark?.line ?? 0): a key must be a word")
                }
                object[name.string] = try json(value)
            }
            return .object(object)
        case .alias: throw OpenAPIError(description: "anchors and aliases are not used here")
        }
    }

    /// As YAML's core schema reads plain scalars, and never more: dates and versions stay texts.
    private static func value(_ scalar: Node.Scalar) -> JSONValue {
        let text = scalar.string
        guard scalar.style == .plain else { return .string(text) }
        switch text {
        case "", "~", "null": return .null
        case "true": return .bool(true)
        case "false": return .bool(false)
        default: break
        }
        guard let first = text.utf8.first, first == UInt8(ascii: "-") || (48...57).contains(first),
            let number = try? JSONReader.parse(text), number.numberLiteral != nil
        else { return .string(text) }
        return number
    }
}

/// The description cannot be served as it is.
struct OpenAPIError: Error, CustomStringConvertible {
    var description: String
}
