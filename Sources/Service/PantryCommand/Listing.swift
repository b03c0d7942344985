import StrictJSON

/// Documents on standard output: as JSON, or as aligned columns for people.
enum Listing {
    static func print(_ document: JSONValue, _ members: [String], json: Bool) throws(CommandFailure) {
        if json { return try Console.out(document.serialized()) }
        let width = members.map(\.count).max() ?? 0
        for name in members {
            guard let value = document.object?[name], !value.isNull else { continue }
            try Console.out(name + String(repeating: " ", count: width - name.count + 2) + text(value))
        }
    }

    static func print(_ documents: [JSONValue], _ members: [String], json: Bool) throws(CommandFailure) {
        if json { return try Console.out(JSONValue.array(documents).serialized()) }
        let rows = [members] + documents.map { document in members.map { text(document.object?[$0] ?? .null) } }
        let widths = members.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        for row in rows {
            let cells = zip(row, widths).map { $0 + String(repeating: " ", count: $1 - $0.count) }
            var line = cells.joined(separator: "  ")
            while line.last == " " { line.removeLast() }
            try Console.out(line)
        }
    }

    private static func text(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): text
        case .null: "-"
        case .array(let values): values.isEmpty ? "-" : values.map(text).joined(separator: ", ")
        default: value.serialized()
        }
    }
}
