/// The SQL dialect that a database speaks.
public enum Dialect: String, Sendable {
    /// SQLite 3.38 or later (`STRICT` tables, `->>`).
    case sqlite
    /// PostgreSQL 15 or later.
    case postgres
}

/// One step of a schema's history. A migration that has been released is never edited: its checksum is stored.
public struct Migration: Sendable {
    /// 1, 2, 3 … without gaps.
    public let number: Int
    /// What it does, in a few words.
    public let name: String
    /// The statements, with the placeholders of ``statements(for:)``.
    public let template: [String]

    /// A migration.
    public init(_ number: Int, _ name: String, _ template: [String]) {
        (self.number, self.name, self.template) = (number, name, template)
    }

    /// The statements in a dialect. Placeholders stand for what the engines call by different names:
    /// `{int}` a 64-bit integer, `{id}` a 128-bit id, `{bytes}`, and `{table}` after the closing parenthesis of a table
    /// (rows clustered by their primary key and strict types, where the engine has that).
    public func statements(for dialect: Dialect) -> [String] {
        let words: [(String, String)] =
            switch dialect {
            case .sqlite:
                [("{int}", "INTEGER"), ("{id}", "BLOB"), ("{bytes}", "BLOB"), ("{table}", "STRICT, WITHOUT ROWID")]
            case .postgres:
                [
                    ("{int}", "bigint"), ("{id}", "uuid"), ("{bytes}", "bytea"), (" {table}", ""),
                    // Texts in the order of their bytes, as in SQLite, whatever the database's own order is.
                    (" TEXT", " text COLLATE \"C\""),
                ]
            }
        return template.map { text in
            words.reduce(text) { replaced($0, $1.0, with: $1.1) }
        }
    }

    /// The tables that it drops, or rebuilds.
    var droppedTables: [String] {
        template.compactMap { statement in
            let words = statement.split(separator: " ")
            return words.count == 3 && words[0] == "DROP" && words[1] == "TABLE" ? String(words[2]) : nil
        }
    }

    /// A fingerprint of the template: FNV-1a, 64 bits, in hexadecimal. It finds edits, it does not resist an attacker.
    public var checksum: String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in template.joined(separator: "\u{0}").utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

private func replaced(_ text: String, _ word: String, with other: String) -> String {
    text.split(separator: word, omittingEmptySubsequences: false).joined(separator: other)
}
