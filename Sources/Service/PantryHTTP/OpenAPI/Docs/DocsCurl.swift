import StrictJSON

/// A command to try an operation with. `$KEY` and `$OPERATOR_TOKEN` stand for credentials.
struct DocsCurl {
    let document: OpenAPIDocument
    let operation: DocsOperation

    /// The address is replaced by the page's own where a script may do that.
    static let address = "http://127.0.0.1:8080"

    var text: String {
        var parts = ["curl -sS"]
        if operation.method != "get" { parts[0] += " -X \(operation.method.uppercased())" }
        parts[0] += " '\(Self.address)\(path)\(query)'"
        switch operation.scheme {
        case "ApiKey"?: parts.append("-H \"Authorization: Bearer $KEY\"")
        case "OperatorToken"?: parts.append("-H \"Authorization: Bearer $OPERATOR_TOKEN\"")
        default: break
        }
        for parameter in operation.parameters where parameter["in"] == "header" && parameter["required"] == true {
            parts.append("-H '\(parameter["name"]?.string ?? ""): \(value(of: parameter))'")
        }
        if let (type, example) = operation.requestExample {
            parts.append("-H 'Content-Type: \(type)'")
            let body = example.string ?? example.indented()
            parts.append("\(example.string == nil ? "-d" : "--data-binary") '\(body.replacing("'", with: "'\\''"))'")
        }
        return parts.joined(separator: " \\\n  ")
    }

    private var path: String {
        operation.parameters.filter { $0["in"] == "path" }.reduce(operation.path) { path, parameter in
            path.replacing("{\(parameter["name"]?.string ?? "")}", with: value(of: parameter))
        }
    }

    /// Only what is required: what else there is stands beside it.
    private var query: String {
        let items = operation.parameters.filter { $0["in"] == "query" && $0["required"] == true }
            .map { "\($0["name"]?.string ?? "")=\(value(of: $0))" }
        return items.isEmpty ? "" : "?\(items.joined(separator: "&"))"
    }

    private func value(of parameter: JSONObject) -> String {
        if let example = parameter["example"] { return example.string ?? example.serialized() }
        return "{\(parameter["name"]?.string ?? "")}"
    }
}
