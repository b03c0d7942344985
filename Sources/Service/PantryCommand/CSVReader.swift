/// Comma-separated values as RFC 4180 has them: quoted fields may hold commas, line ends and doubled quotes.
enum CSVReader {
    struct Malformed: Error, CustomStringConvertible {
        let line: Int
        var description: String { "line \(line): a quoted field is not closed, or something follows its closing quote" }
    }

    /// All records; empty lines are left out.
    static func rows(of text: String) throws(Malformed) -> [[String]] {
        var rows: [[String]] = []
        var row: [String] = []
        var (bytes, line) = (text.utf8.makeIterator(), 1)
        var next = bytes.next()
        while next != nil {
            let (field, end) = try field(&bytes, next, &line)
            row.append(field)
            if end != UInt8(ascii: ",") {
                if row != [""] { rows.append(row) }
                row = []
                line += 1
            }
            next = bytes.next()
            if next == nil, end == UInt8(ascii: ",") { rows.append(row + [""]) }
        }
        return rows
    }

    /// Reads one field and what ended it: a comma, a line feed, or nil for the end of the text.
    private static func field(
        _ bytes: inout String.UTF8View.Iterator, _ first: UInt8?, _ line: inout Int
    ) throws(Malformed) -> (String, UInt8?) {
        var content: [UInt8] = []
        var next = first
        if next == UInt8(ascii: "\"") {
            while true {
                guard let byte = bytes.next() else { throw Malformed(line: line) }
                if byte == UInt8(ascii: "\"") {
                    next = bytes.next()
                    guard next == UInt8(ascii: "\"") else { break }
                }
                if byte == 10 { line += 1 }
                content.append(byte)
            }
            if next == 13 { next = bytes.next() }
            guard next == nil || next == 10 || next == UInt8(ascii: ",") else { throw Malformed(line: line) }
        } else {
            while let byte = next, byte != 10, byte != UInt8(ascii: ",") {
                content.append(byte)
                next = bytes.next()
            }
            if next != UInt8(ascii: ","), content.last == 13 { content.removeLast() }
        }
        return (String(decoding: content, as: UTF8.self), next)
    }
}
