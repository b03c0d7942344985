import PantryDomain

/// Bytes that cannot be cut into rows: where, and what would be right.
package struct UnreadableRows: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where the row begins, from 1.
    package let line: Int64
    /// A sentence.
    package let detail: String

    package var description: String { "line \(line): \(detail)" }
}

/// Cuts bytes into records at line ends, in whatever parts they come. It keeps one record at most, and what was
/// appended last.
package struct RecordReader {
    package enum Framing: Sendable {
        /// A record is a line.
        case lines
        /// A record may go over several lines, inside quotes (RFC 4180).
        case csv
    }
    package struct Record: Sendable, Hashable {
        package var line: Int64
        /// Without its line end.
        package var bytes: [UInt8]
        /// Whether something follows a closing quote.
        package var isBroken: Bool
    }
    /// Where the scan stands within a record; `.lines` knows `plain` only.
    private enum State {
        case fieldStart
        case plain
        case quoted
        /// The quote that ends a field, or the first of two.
        case quoteInQuoted
        case returnAfterQuote
        case broken
    }
    /// The most bytes of a record.
    package static let longest = 64 * 1024
    private static let mark: [UInt8] = [0xEF, 0xBB, 0xBF]
    private static let (lineFeed, carriageReturn, quote, comma) = (
        UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\""), UInt8(ascii: ",")
    )

    private let framing: Framing
    private var buffer: [UInt8] = []
    /// Where the present record begins in the buffer, and how far it has been looked at.
    private var (start, scan) = (0, 0)
    private var state: State
    private var (line, firstLine): (Int64, Int64) = (1, 1)
    private var isAtEnd = false
    private var isPastMark = false
    /// How much of the buffer is done with; how many bytes that were in all, and their digest.
    private var unpassed = 0
    private var passed: Int64 = 0
    private var digest = RunningDigest()
    /// The place before the empty lines that were passed since the last record.
    private var placeBeforeEmptyLines: ImportPlace?

    package init(_ framing: Framing) {
        self.framing = framing
        state = framing == .csv ? .fieldStart : .plain
    }

    /// The place after the last record that was given out; after the end, the place after all bytes.
    package var place: ImportPlace {
        placeBeforeEmptyLines ?? ImportPlace(bytes: passed, digest: digest.hexadecimal)
    }

    /// How many bytes come before that place.
    package var bytesPassed: Int64 { placeBeforeEmptyLines?.bytes ?? passed }

    package mutating func append(_ bytes: [UInt8]) {
        buffer.removeSubrange(..<unpassed)
        (start, scan, unpassed) = (start - unpassed, scan - unpassed, 0)
        buffer += bytes
    }

    /// Nothing will be appended any more.
    package mutating func finish() { isAtEnd = true }

    /// The next record that is complete; empty lines are left out. Nil when more bytes are needed, or at the end.
    package mutating func next() throws(UnreadableRows) -> Record? {
        guard skipMark() else { return nil }
        while scan < buffer.count {
            let byte = buffer[scan]
            scan += 1
            if byte == Self.lineFeed, state != .quoted {
                if let record = takeRecord(upTo: scan - 1) { return record }
                continue
            }
            if byte == Self.lineFeed { line += 1 }
            if framing == .csv { state = Self.state(after: byte, in: state) }
            if scan - start > Self.longest { throw tooLong }
        }
        guard isAtEnd else { return nil }
        if state == .quoted { throw unclosed }
        let record = takeRecord(upTo: scan)
        if record == nil { placeBeforeEmptyLines = nil }
        return record
    }

    // MARK: The parts

    private mutating func takeRecord(upTo end: Int) -> Record? {
        var content = buffer[start..<end]
        if content.last == Self.carriageReturn { content.removeLast() }
        let record = Record(line: firstLine, bytes: Array(content), isBroken: state == .broken)
        line += 1
        (start, firstLine, state) = (scan, line, framing == .csv ? .fieldStart : .plain)
        // The place stays where the last record ended, whatever parts the empty lines come in.
        if record.bytes.isEmpty, placeBeforeEmptyLines == nil { placeBeforeEmptyLines = place }
        pass(scan)
        if record.bytes.isEmpty { return nil }
        placeBeforeEmptyLines = nil
        return record
    }

    private mutating func pass(_ end: Int) {
        digest.update(buffer[unpassed..<end])
        passed += Int64(end - unpassed)
        unpassed = end
    }

    /// Steps over the byte order mark that some programs begin a file with.
    /// - Returns: false while the bytes do not tell yet.
    private mutating func skipMark() -> Bool {
        if isPastMark { return true }
        guard isAtEnd || buffer.count >= Self.mark.count || !Self.mark.starts(with: buffer) else { return false }
        isPastMark = true
        if buffer.starts(with: Self.mark) { (start, scan) = (Self.mark.count, Self.mark.count) }
        return true
    }

    private static func state(after byte: UInt8, in state: State) -> State {
        switch (state, byte) {
        case (.fieldStart, quote): .quoted
        case (.fieldStart, comma), (.plain, comma), (.quoteInQuoted, comma): .fieldStart
        case (.fieldStart, _), (.plain, _): .plain
        case (.quoted, quote): .quoteInQuoted
        case (.quoted, _), (.quoteInQuoted, quote): .quoted
        case (.quoteInQuoted, carriageReturn): .returnAfterQuote
        case (.quoteInQuoted, _), (.returnAfterQuote, _), (.broken, _): .broken
        }
    }

    private var tooLong: UnreadableRows {
        let what = "A row may have at most \(Self.longest) bytes"
        return UnreadableRows(
            line: firstLine,
            detail: state == .quoted
                ? "\(what), and this one is longer: a quoted field in it is not closed, or far too long."
                : "\(what), and this one is longer.")
    }
    private var unclosed: UnreadableRows {
        UnreadableRows(
            line: firstLine,
            detail: "A quoted field is not closed: there is no quote before the end of the file to end it.")
    }
}
