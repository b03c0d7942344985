import PantryDomain
import StrictJSON

/// How the rows of an import are written.
package enum ImportFormat: String, Sendable, CaseIterable {
    case ndjson
    case csv

    /// Every media type that a body may have.
    static let mediaTypes = ["application/x-ndjson", "application/ndjson", "application/jsonl", "text/csv"]

    /// What to call it in a `Content-Type`.
    package var mediaType: String { self == .csv ? "text/csv" : "application/x-ndjson" }

    /// The format of one of the media types, whatever parameters follow it.
    init?(mediaType: String) {
        let name = mediaType.lowercased().split(separator: ";", omittingEmptySubsequences: false)[0].trimmed
        guard let known = Self.mediaTypes.first(where: { $0 == name }) else { return nil }
        self = known == "text/csv" ? .csv : .ndjson
    }

    /// The format that a file's name ends with.
    package init?(fileName: String) {
        switch fileName.lowercased().split(separator: ".").last {
        case "csv": self = .csv
        case "ndjson", "jsonl": self = .ndjson
        default: return nil
        }
    }
}

/// Reads the rows of a product import as their bytes come, and checks each by the rules of `POST /v1/products`.
package struct ProductRowReader {
    private var csv = CSVReader()
    private var lines = RecordReader(.lines)
    private var columns: ProductColumns?
    private let format: ImportFormat
    private var isAtEnd = false

    package init(_ format: ImportFormat) { self.format = format }

    /// The place after the last row that was given out; after the end, the place after all bytes.
    var place: ImportPlace { format == .csv ? csv.records.place : lines.place }
    var bytesPassed: Int64 { format == .csv ? csv.records.bytesPassed : lines.bytesPassed }

    package mutating func append(_ bytes: [UInt8]) {
        if format == .csv { csv.append(bytes) } else { lines.append(bytes) }
    }

    /// Nothing will be appended any more.
    package mutating func finish() {
        isAtEnd = true
        if format == .csv { csv.finish() } else { lines.finish() }
    }

    /// The next row that is complete; nil when more bytes are needed, or at the end.
    package mutating func next() throws(UnreadableRows) -> ImportEntry? {
        if format == .csv { return try nextOfCSV() }
        guard let record = try lines.next() else { return nil }
        do {
            return Self.entry(line: record.line, try JSONReader.parse(record.bytes))
        } catch {
            return .failure(
                RowFailure(
                    line: record.line, code: "malformed-request",
                    detail: "The line is not valid JSON at column \(error.column): \(error.message)."))
        }
    }

    private mutating func nextOfCSV() throws(UnreadableRows) -> ImportEntry? {
        if columns == nil {
            guard let header = try csv.next() else {
                if isAtEnd { throw ProductColumns.missing }
                return nil
            }
            columns = try ProductColumns(header)
        }
        guard let columns, let row = try csv.next() else { return nil }
        guard let fields = row.fields, row.fault == nil else {
            return Self.malformed(row.line, row.fault ?? "The row cannot be read.")
        }
        guard fields.count == columns.count else {
            return Self.malformed(
                row.line, "The row has \(fields.count) fields; the header has \(columns.count) columns.")
        }
        // Pointers go into the object that the row stands for; its reader knows columns.
        return Self.entry(line: row.line, columns.object(fields)) { pointer in
            String(pointer.split(separator: "/").last ?? "")
        }
    }

    private static func malformed(_ line: Int64, _ detail: String) -> ImportEntry {
        .failure(RowFailure(line: line, code: "malformed-request", detail: detail))
    }

    private static func entry(
        line: Int64, _ value: JSONValue, nameOf: (String) -> String = { String($0.dropFirst()) }
    ) -> ImportEntry {
        do throws(Refusal) { return .row(try ProductRow(line: line, body: value)) } catch {
            guard case .invalid(let problems) = error else { return malformed(line, "\(error)") }
            return .failure(RowFailure(line: line, problems, nameOf: nameOf))
        }
    }
}

/// Which column of a CSV file holds what.
private struct ProductColumns {
    private static let required = ["sku", "name", "amount", "currency"]
    private static let known = required + ["category", "onHand"]
    static let rule =
        "the first line names the columns: sku,name,amount,currency and, if you like, category and onHand, in any order"
    static let missing = UnreadableRows(line: 1, detail: "The file is empty; \(rule).")
    private let names: [String]

    var count: Int { names.count }

    init(_ header: CSVReader.Row) throws(UnreadableRows) {
        guard let fields = header.fields else {
            throw UnreadableRows(line: header.line, detail: header.fault ?? "The header cannot be read.")
        }
        func wrong(_ what: String) -> UnreadableRows {
            UnreadableRows(line: header.line, detail: "\(what); \(Self.rule).")
        }
        for (index, field) in fields.enumerated() {
            guard Self.known.contains(where: { ClientText.areSame($0, field) }) else {
                throw wrong("There is no column “\(ClientText.shown(field))”")
            }
            if fields[..<index].contains(field) { throw wrong("The column “\(field)” occurs twice") }
        }
        if let missing = Self.required.first(where: { !fields.contains($0) }) {
            throw wrong("The column “\(missing)” is missing")
        }
        names = fields
    }

    /// The row as the object that it would be in NDJSON.
    func object(_ fields: [String]) -> JSONValue {
        var (row, price) = (JSONObject(), JSONObject())
        for (name, field) in zip(names, fields) {
            switch name {
            case "amount": if !field.isEmpty { price["amount"] = Self.number(field) }
            case "currency": if !field.isEmpty { price["currency"] = .string(field) }
            case "onHand": if !field.isEmpty { row["onHand"] = Self.number(field) }
            case "category": row["category"] = field.isEmpty ? .null : .string(field)
            default: if !field.isEmpty { row[name] = .string(field) }
            }
        }
        row["unitPrice"] = .object(price)
        return .object(row)
    }

    /// A number as it stands in the file. What only looks like one keeps its text, for the message about it.
    private static func number(_ text: String) -> JSONValue {
        let digits = text.utf8.first == UInt8(ascii: "-") ? text.utf8.dropFirst() : text.utf8[...]
        guard !digits.isEmpty, digits.allSatisfy({ (48...57).contains($0) || $0 == UInt8(ascii: ".") }) else {
            return .string(text)
        }
        return Int64(text).map { .integer($0) } ?? .number(text)
    }
}
