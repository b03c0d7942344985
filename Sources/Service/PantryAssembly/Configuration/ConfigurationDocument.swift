import Yams

/// A value of the configuration file with its place, free of YAML's own types.
struct DocumentNode: Sendable {
    enum Content: Sendable {
        /// `null`, `~` or nothing at all.
        case nothing
        case scalar(String)
        case sequence([DocumentNode])
        case mapping([DocumentMember])
    }

    var content: Content
    var position: FilePosition

    /// What the node is, for messages.
    var kind: String {
        switch content {
        case .nothing: "nothing"
        case .scalar: "a single value"
        case .sequence: "a list"
        case .mapping: "a mapping"
        }
    }
}

/// A key and its value; the position is the key's.
struct DocumentMember: Sendable {
    var name: String
    var position: FilePosition
    var value: DocumentNode
}

/// Why the file cannot be read as a document. The message never quotes the file: a line of it may hold a secret.
struct DocumentError: Error {
    var message: String
    var position: FilePosition?
}

/// Reads YAML, and so JSON too.
enum ConfigurationDocument {
    /// The root, or nil for a file that holds nothing but comments.
    static func parse(_ text: String) throws(DocumentError) -> DocumentNode? {
        // Yams hashes a mapping's keys while it parses. Keys made of aliases to aliases would keep it busy for ever, so
        // anchors are refused before it sees the text; they are no use in a file of this size.
        if let position = AnchorScan.firstAnchor(in: text) { throw anchorError(at: position) }
        do {
            // The encoding is given because Yams would otherwise look for one in the process environment.
            let parser = try Parser(yaml: text, resolver: .basic, encoding: .utf8)
            let root = try parser.singleRoot()
            // Nodes hold their anchors weakly, the parser strongly.
            return try withExtendedLifetime(parser) { try root.map { try convert($0) } }
        } catch let error as DocumentError {
            throw error
        } catch let error as YamlError {
            throw documentError(error, in: text)
        } catch {
            throw DocumentError(message: "cannot be read as YAML", position: nil)
        }
    }

    private static func anchorError(at position: FilePosition) -> DocumentError {
        DocumentError(
            message: "anchors and aliases (&name, *name) are not supported: write the value out, "
                + "or quote it if the & belongs to it",
            position: position)
    }

    private static func convert(_ node: Node) throws(DocumentError) -> DocumentNode {
        let position = position(node.mark)
        // The scan goes by the text alone; whatever it took for a quotation is seen here, before any alias is followed.
        if node.anchor != nil { throw anchorError(at: position) }
        switch node {
        case .scalar(let scalar):
            let isNull = scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
            return DocumentNode(content: isNull ? .nothing : .scalar(scalar.string), position: position)
        case .sequence(let sequence):
            var nodes: [DocumentNode] = []
            for element in sequence { nodes.append(try convert(element)) }
            return DocumentNode(content: .sequence(nodes), position: position)
        case .mapping(let mapping):
            return DocumentNode(content: .mapping(try members(of: mapping)), position: position)
        case .alias:
            throw anchorError(at: position)
        }
    }

    private static func members(of mapping: Node.Mapping) throws(DocumentError) -> [DocumentMember] {
        var members: [DocumentMember] = []
        var names: Set<String> = []
        for (key, value) in mapping {
            let position = position(key.mark)
            guard case .scalar(let scalar) = key else {
                throw DocumentError(message: "a key must be a single word", position: position)
            }
            // Yams has refused equal keys; those with different tags are not equal to it.
            guard names.insert(scalar.string).inserted else {
                throw DocumentError(message: duplicate(scalar.string), position: position)
            }
            members.append(DocumentMember(name: scalar.string, position: position, value: try convert(value)))
        }
        return members
    }

    private static func duplicate(_ name: String) -> String {
        "key \"\(ValueDisplay.printable(name))\" is given more than once in one mapping"
    }

    private static func position(_ mark: Mark?) -> FilePosition {
        FilePosition(line: mark?.line ?? 1, column: mark?.column ?? 1)
    }

    private static func documentError(_ error: YamlError, in text: String) -> DocumentError {
        switch error {
        case .scanner(let context, let problem, let mark, _), .parser(let context, let problem, let mark, _),
            .composer(let context, let problem, let mark, _):
            let context = context.map { " (\($0.text) from \($0.mark.line):\($0.mark.column))" } ?? ""
            return DocumentError(message: "is not valid YAML: \(problem)\(context)", position: position(mark))
        case .reader(let problem, let offset, _, _):
            let before = text.prefix(offset ?? 0).unicodeScalars
            let line = before.count { $0 == "\n" } + 1
            let column = before.reversed().prefix { $0 != "\n" }.count + 1
            return DocumentError(
                message: "is not valid YAML: \(problem)", position: FilePosition(line: line, column: column))
        case .duplicatedKeysInMapping(let duplicates, let context):
            return DocumentError(
                message: duplicate(duplicates.first ?? ""), position: position(context.mark))
        case .memory:
            return DocumentError(message: "is nested too deeply", position: nil)
        default:
            return DocumentError(message: "cannot be read as YAML", position: nil)
        }
    }
}
