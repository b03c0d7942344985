import Determinism
import HTTPTypes
import PantryDomain
import Storage

/// Reads a query string: only names that the route knows, each at most once unless it says otherwise. A name with a
/// typo must not silently list everything.
struct QueryReader {
    private let query: Query

    /// - Parameter repeatable: names that may occur more than once.
    init(_ query: Query, known: [String], repeatable: [String] = []) throws(Problem) {
        self.query = query
        guard !query.items.isEmpty else { return }
        var seen = [Int](repeating: 0, count: known.count)
        for item in query.items {
            guard let index = known.firstIndex(where: { ClientText.areSame($0, item.name) }) else {
                let list = known.isEmpty ? "none" : known.joined(separator: ", ")
                throw .malformedRequest(
                    "There is no query parameter “\(ClientText.shown(item.name))”; this path takes: \(list).")
            }
            seen[index] += 1
            guard seen[index] == 1 || repeatable.contains(known[index]) else {
                throw .malformedRequest("The query parameter “\(known[index])” occurs more than once.")
            }
        }
    }

    subscript(name: String) -> String? {
        query.items.first { ClientText.areSame($0.name, name) }?.value
    }

    func values(_ name: String) -> [String] {
        query.items.filter { ClientText.areSame($0.name, name) }.map(\.value)
    }

    /// One of a few words.
    func choice<Choice: RawRepresentable<String>>(_ name: String, _ choices: [Choice]) throws(Problem) -> Choice? {
        guard let word = self[name] else { return nil }
        if let choice = choices.first(where: { ClientText.areSame($0.rawValue, word) }) { return choice }
        throw .malformedRequest("\(name) must be one of: \(choices.map(\.rawValue).joined(separator: ", ")).")
    }

    func moment(_ name: String) throws(Problem) -> Timestamp? {
        guard let text = self[name] else { return nil }
        if text.utf8.count <= 64, let moment = Timestamp(rfc3339: text) { return moment }
        throw .malformedRequest(
            "\(name) must be a moment as RFC 3339 writes it, such as 2026-11-23T09:05:01Z; a + is written %2B.")
    }
}

/// `?limit=` of a list.
enum PageLimit {
    private static let range = 1...100
    private static let usual = 50

    static func read(_ query: QueryReader) throws(Problem) -> Int {
        guard let text = query["limit"] else { return usual }
        guard text.utf8.count <= 3, text.utf8.allSatisfy({ (48...57).contains($0) }), let limit = Int(text),
            range.contains(limit)
        else { throw .malformedRequest("limit must be a whole number from 1 to 100.") }
        return limit
    }
}

/// Which list a cursor belongs to: its route, whose list it is, and what it leaves out. A cursor of any other list is
/// refused, be it another tenant's or the same list with other filters.
struct ListScope {
    private let digest: String
    private let seal: FleetSeal

    init(_ call: Call, owner: String, filters: [String], seal: FleetSeal) {
        // Each part with its length, so that no two lists of parts read the same.
        var bytes: [UInt8] = []
        for part in ["\(call.method == .head ? "GET" : call.method.rawValue) \(call.path)", owner] + filters {
            bytes += Array("\(part.utf8.count):".utf8)
            bytes += Array(part.utf8)
        }
        digest = Digest.hexadecimal(bytes)
        self.seal = seal
    }

    func cursor(after position: String) -> String { seal.seal("\(digest)\(position)", for: .cursor) }

    /// The position that the request's cursor holds; nil without one.
    func position(_ query: QueryReader) throws(Problem) -> String? {
        guard let cursor = query["cursor"] else { return nil }
        guard cursor.utf8.count <= 1_024, let opened = seal.open(cursor, for: .cursor),
            opened.utf8.count > digest.utf8.count, ClientText.areSame(String(opened.prefix(digest.utf8.count)), digest)
        else { throw Self.invalid }
        return String(opened.dropFirst(digest.utf8.count))
    }

    static var invalid: Problem {
        Problem(
            status: .badRequest, code: "invalid-cursor", title: "Invalid cursor",
            detail: "Send the nextCursor of this very list back, with the same filters, or none for the first page.")
    }
}
