/// A record of comma-separated values (RFC 4180), put together from one line, or from more of them where a quoted field
/// holds line ends.
struct CSVRecord: Sendable, Hashable {
    var fields: [String]
    /// The line that it begins on, from 1.
    var line: Int

    /// The next record; empty lines are left out. Nil at the end.
    static func next(_ lines: inout LineReader) async throws(BasketFileError) -> CSVRecord? {
        while let line = try await lines.line() {
            if line.bytes.isEmpty { continue }
            guard line.bytes.contains(quote) else {
                let fields = line.bytes.split(separator: comma, omittingEmptySubsequences: false)
                return CSVRecord(fields: fields.map { String(decoding: $0, as: UTF8.self) }, line: line.number)
            }
            var text = line.bytes
            while true {
                if let fields = quoted(text) { return CSVRecord(fields: fields, line: line.number) }
                guard text.count <= LineReader.longestLine, let more = try await lines.line() else {
                    throw BasketFileError(
                        "line \(line.number): a quoted field is not closed, or something follows its closing quote")
                }
                text += [10] + more.bytes
            }
        }
        return nil
    }

    private static let quote = UInt8(ascii: "\"")
    private static let comma = UInt8(ascii: ",")

    /// The fields of a record with quotes; nil when a quote is not closed.
    private static func quoted(_ text: [UInt8]) -> [String]? {
        var fields: [String] = []
        var index = 0
        while true {
            var content: [UInt8] = []
            if index < text.count, text[index] == quote {
                index += 1
                while true {
                    guard index < text.count else { return nil }
                    if text[index] == quote {
                        index += 1
                        guard index < text.count, text[index] == quote else { break }
                    }
                    content.append(text[index])
                    index += 1
                }
                guard index == text.count || text[index] == comma else { return nil }
            } else {
                while index < text.count, text[index] != comma {
                    content.append(text[index])
                    index += 1
                }
            }
            fields.append(String(decoding: content, as: UTF8.self))
            if index == text.count { return fields }
            index += 1
        }
    }
}
