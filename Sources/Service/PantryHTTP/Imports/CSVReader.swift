/// Comma-separated values as RFC 4180 has them, read as their bytes come: quoted fields may hold commas, line ends and
/// doubled quotes. Lines may end with a line feed alone; empty ones are left out.
package struct CSVReader {
    package struct Row: Sendable, Hashable {
        /// Where the row begins, from 1.
        package var line: Int64
        /// nil when ``fault`` says what is wrong.
        package var fields: [String]?
        package var fault: String?
    }
    private(set) var records = RecordReader(.csv)

    package init() {}

    package mutating func append(_ bytes: [UInt8]) { records.append(bytes) }

    /// Nothing will be appended any more.
    package mutating func finish() { records.finish() }

    /// The next row that is complete; nil when more bytes are needed, or at the end.
    package mutating func next() throws(UnreadableRows) -> Row? {
        guard let record = try records.next() else { return nil }
        if record.isBroken {
            return Row(
                line: record.line, fields: nil,
                fault: "Something follows the quote that closes a field; a quote inside of quotes is written twice.")
        }
        guard let text = String(validating: record.bytes, as: UTF8.self) else {
            return Row(line: record.line, fields: nil, fault: "The row is not valid UTF-8.")
        }
        return Row(line: record.line, fields: Self.fields(of: text), fault: nil)
    }

    /// The fields of a whole record.
    private static func fields(of text: String) -> [String] {
        let (quote, comma) = (UInt8(ascii: "\""), UInt8(ascii: ","))
        var fields: [String] = []
        var field: [UInt8] = []
        // Whether the scan is inside of quotes, and whether the last byte was a quote that may be the first of two.
        var (isQuoted, isQuotePending, isAtStart) = (false, false, true)
        for byte in text.utf8 {
            switch byte {
            case quote where isAtStart: (isQuoted, isAtStart) = (true, false)
            case quote where isQuotePending:
                field.append(quote)
                isQuotePending = false
            case quote where isQuoted: isQuotePending = true
            case comma where !isQuoted || isQuotePending:
                fields.append(String(decoding: field, as: UTF8.self))
                field.removeAll(keepingCapacity: true)
                (isQuoted, isQuotePending, isAtStart) = (false, false, true)
            default:
                field.append(byte)
                isAtStart = false
            }
        }
        return fields + [String(decoding: field, as: UTF8.self)]
    }
}
