import StrictJSON

/// The books of the sandbox payment provider: somebody else's ledger, read without asking the server.
public struct ProviderBooks: Sendable, Hashable {
    /// What the provider knows of one idempotency key.
    public struct Operation: Sendable, Hashable {
        /// The idempotency key.
        public var key: String
        /// `charge`, `authorization` or `refund`.
        public var kind: String
        /// The order's id.
        public var reference: String
        /// For a refund: the key of its charge.
        public var parent: String?
        /// Minor units.
        public var amount: Int64
        /// ISO 4217.
        public var currency: String
        /// `pm_ok`, …
        public var method: String
        /// `captured`, `declined`, …
        public var status: String

        /// An operation.
        public init(
            key: String, kind: String, reference: String, parent: String? = nil, amount: Int64,
            currency: String = "USD", method: String = "pm_ok", status: String
        ) {
            (self.key, self.kind, self.reference, self.parent) = (key, kind, reference, parent)
            (self.amount, self.currency, self.method, self.status) = (amount, currency, method, status)
        }
    }

    /// One line of the books.
    public struct Entry: Sendable, Hashable {
        /// The operation's key.
        public var key: String
        /// The place among the operation's lines, from 1.
        public var number: Int64
        /// `captured`, `refunded`, …
        public var kind: String
        /// Minor units.
        public var amount: Int64

        /// A line.
        public init(key: String, number: Int64 = 1, kind: String, amount: Int64) {
            (self.key, self.number, self.kind, self.amount) = (key, number, kind, amount)
        }
    }

    /// All operations.
    public var operations: [Operation] = []
    /// All lines.
    public var entries: [Entry] = []

    /// Empty books.
    public init() {}

    /// Reads the provider's file through the `sqlite3` program, beside whoever has it open.
    /// - Throws: ``UnreadableBooks``, ``SpawnError`` or ``PollTimeout``.
    public static func read(_ file: String) async throws -> ProviderBooks {
        try await read { sql in
            let options = ["-json", "-readonly", "-cmd", ".timeout 5000"]
            let result = try await Program.run("/usr/bin/sqlite3", options + [file, sql])
            guard result.exit.isSuccess else { throw UnreadableBooks(description: "\(file): \(result.errors)") }
            return result.text
        }
    }

    /// Reads the books wherever they are.
    /// - Parameter query: answers a query with its rows as a JSON array of objects; nothing at all for no rows.
    public static func read(_ query: (_ sql: String) async throws -> String) async throws -> ProviderBooks {
        var books = ProviderBooks()
        books.operations = try await rows(
            query, "SELECT key, kind, reference, parent, amount, currency, method, status FROM operations ORDER BY key"
        ).map { row in
            Operation(
                key: try row.text("key"), kind: try row.text("kind"), reference: try row.text("reference"),
                parent: row["parent"]?.string, amount: try row.integer("amount"), currency: try row.text("currency"),
                method: try row.text("method"), status: try row.text("status"))
        }
        books.entries = try await rows(query, "SELECT key, number, kind, amount FROM entries ORDER BY key, number")
            .map { row in
                Entry(
                    key: try row.text("key"), number: try row.integer("number"), kind: try row.text("kind"),
                    amount: try row.integer("amount"))
            }
        return books
    }

    private static func rows(_ query: (String) async throws -> String, _ sql: String) async throws -> [JSONObject] {
        let output = try await query(sql)
        if output.isEmpty { return [] }
        var limits = JSONLimits()
        (limits.members, limits.values) = (10_000_000, 100_000_000)
        let json = try JSONReader.parse(Array(output.utf8), limits: limits)
        return (json.array ?? []).compactMap(\.object)
    }
}

/// The provider's file cannot be read as what it should be.
public struct UnreadableBooks: Error, CustomStringConvertible {
    /// The file and what is wrong.
    public let description: String
}

extension JSONObject {
    fileprivate func text(_ name: String) throws(UnreadableBooks) -> String {
        guard let value = self[name]?.string else { throw UnreadableBooks(description: "a row has no text \(name)") }
        return value
    }

    fileprivate func integer(_ name: String) throws(UnreadableBooks) -> Int64 {
        guard let value = self[name]?.integer else { throw UnreadableBooks(description: "a row has no number \(name)") }
        return value
    }
}
