import StrictJSON

/// One operation of the description, with its references followed.
struct DocsOperation {
    let document: OpenAPIDocument
    let path: String
    /// In lower case, as the description has it.
    let method: String
    let object: JSONObject
    /// Those of the path and its own.
    let parameters: [JSONObject]

    /// Every operation, in order.
    static func all(_ document: OpenAPIDocument) -> [DocsOperation] {
        (document.root["paths"]?.object?.members ?? []).flatMap { path, item -> [DocsOperation] in
            let item = item.object ?? [:]
            let shared = resolved(item["parameters"], document)
            let ofPath = shared.filter { $0["in"] == "path" }
            let ofEach = shared.filter { $0["in"] != "path" }
            return item.members.filter { $0.name != "parameters" }.map { method, operation in
                let object = operation.object ?? [:]
                // What every path takes comes after what is the operation's own.
                let parameters = ofPath + resolved(object["parameters"], document) + ofEach
                return DocsOperation(
                    document: document, path: path, method: method, object: object, parameters: parameters)
            }
        }
    }

    private static func resolved(_ parameters: JSONValue?, _ document: OpenAPIDocument) -> [JSONObject] {
        (parameters?.array ?? []).compactMap { document.resolved($0).object }
    }

    var id: String { object["operationId"]?.string ?? "" }
    var summary: String { object["summary"]?.string ?? "" }
    var tags: [String] { (object["tags"]?.array ?? []).compactMap(\.string) }

    /// The credentials that it takes: a scheme's name and a role, where there are roles.
    private var requirement: (scheme: String, role: String?)? {
        guard let member = object["security"]?.array?.first?.object?.members.first else { return nil }
        return (member.name, member.value.array?.first?.string)
    }
    var scheme: String? { requirement?.scheme }

    /// Who may call it, in words.
    var access: String {
        switch requirement {
        case ("ApiKey", let role)?: "an API key with the role `\(role ?? "read")`"
        case (_, _)?: "the operator's token"
        case nil: "no credentials"
        }
    }

    var requestBody: JSONObject? { object["requestBody"].flatMap { document.resolved($0).object } }

    /// The media type and the example of a body that has one.
    var requestExample: (type: String, example: JSONValue)? {
        let content = requestBody?["content"]?.object?.members.first { $0.value.object?["example"] != nil }
        return content.flatMap { content in content.value.object?["example"].map { (content.name, $0) } }
    }

    var responses: [(status: String, response: JSONObject)] {
        (object["responses"]?.object?.members ?? []).map { ($0.name, document.resolved($0.value).object ?? [:]) }
    }

    /// What the filter looks at.
    var searchText: String { ([method, path, id, summary] + tags).joined(separator: " ").lowercased() }
}

extension DocsOperation {
    private var schemas: DocsSchema { DocsSchema(document: document) }

    /// The operation's part of the page.
    var html: HTML {
        """
        <article class="operation" id="\(id)" data-find="\(searchText)">
        <div class="words"><h3><a href="#\(id)">\(summary)</a></h3>
        <p class="route"><span class="method \(method)">\(method.uppercased())</span> <code>\(path)</code></p>
        <p class="access">Takes \(DocsMarkdown.inline(access)).</p>
        \(DocsMarkdown.html(object["description"]?.string))\(parameterList)\(bodyPart)
        <h4>Answers</h4>\(responses.map(answer).joined())</div>
        <div class="samples"><figure><figcaption>curl</figcaption>
        <pre class="curl"><code>\(DocsCurl(document: document, operation: self).text)</code></pre></figure>
        \(samples)</div>
        </article>
        """
    }

    private var parameterList: HTML {
        let rows = parameters.map { parameter -> HTML in
            let schema = parameter["schema"] ?? .null
            let mark: HTML = parameter["required"] == true ? "<em class=\"required\">required</em>" : ""
            return """
                <li><code class="member">\(parameter["name"]?.string ?? "")</code> \
                <span class="type">\(parameter["in"]?.string ?? "") · \(schemas.type(schema))</span> \(mark) \
                \(schemas.limits(schema))\(DocsMarkdown.html(parameter["description"]?.string))</li>
                """
        }
        return rows.isEmpty ? .nothing : "<h4>Parameters</h4><ul class=\"members\">\(rows.joined())</ul>"
    }

    private var bodyPart: HTML {
        guard let requestBody else { return .nothing }
        let kinds = (requestBody["content"]?.object?.members ?? []).map { type, media -> HTML in
            "<p class=\"media\"><code>\(type)</code></p>\(schemas.use(media.object?["schema"] ?? .null))"
        }
        return """
            <h4>Body</h4>\(DocsMarkdown.html(requestBody["description"]?.string))\(kinds.joined())
            """
    }

    private func answer(_ status: String, _ response: JSONObject) -> HTML {
        let content = response["content"]?.object?.members.first
        let schema = content?.value.object?["schema"]
        let codes = schema.map(schemas.codes) ?? []
        let list = codes.map { "<code>\($0)</code>" as HTML }.joined(separator: " ")
        let kind = status.first.map(String.init) ?? ""
        let headers = (response["headers"]?.object?.members ?? []).map { name, header -> HTML in
            let header = document.resolved(header).object
            return "<li><code>\(name)</code> \(DocsMarkdown.inline(header?["description"]?.string ?? ""))</li>"
        }
        return """
            <details class="answer s\(kind)"><summary><span class="status">\(status)</span> \
            <span>\(Self.firstSentence(response["description"]?.string)) \(list)</span></summary>
            \(DocsMarkdown.html(response["description"]?.string))
            \(content.map { "<p class=\"media\"><code>\($0.name)</code></p>" as HTML } ?? .nothing)
            \(schema.map(schemas.use) ?? .nothing)
            <ul class="headers">\(headers.joined())</ul>
            \(examples(of: content?.value.object).map(Self.code).joined())</details>
            """
    }

    /// The example of the first answer that has one; the others stand with their answers.
    private var samples: HTML {
        for (status, response) in responses {
            guard let example = examples(of: response["content"]?.object?.members.first?.value.object).first else {
                continue
            }
            return "<figure><figcaption>\(status)</figcaption>\(Self.code(example))</figure>"
        }
        return .nothing
    }

    /// What bodies of this media type look like: its one example, or those that it names.
    private func examples(of media: JSONObject?) -> [JSONValue] {
        if let example = media?["example"] { return [example] }
        return (media?["examples"]?.object?.members ?? []).compactMap { document.resolved($0.value).object?["value"] }
    }

    private static func code(_ example: JSONValue) -> HTML {
        "<pre><code>\(example.string ?? example.indented())</code></pre>"
    }

    private static func firstSentence(_ text: String?) -> HTML {
        let line = (text ?? "").split(separator: "\n").joined(separator: " ")
        let end = line.firstRange(of: ". ")?.lowerBound ?? line.firstRange(of: ": ")?.lowerBound
        return DocsMarkdown.inline(end.map { "\(line[..<$0])." } ?? line)
    }
}
