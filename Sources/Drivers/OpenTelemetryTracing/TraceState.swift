/// The `tracestate` header of W3C Trace Context (section 3.3): what other tracing systems pass along. It is carried,
/// not read: this tracer has no entry of its own.
public struct TraceState: Sendable, Hashable, CustomStringConvertible {
    /// The members in their order, as `key=value` joined by commas.
    public let description: String

    /// Reads a header; several of them are to be joined by commas first. nil when it is empty, and when any part of it
    /// is invalid: then the specification wants the whole of it dropped, and the traceparent kept.
    public init?(_ text: String) {
        var members: [Substring] = []
        var keys = Set<Substring>()
        for part in text.split(separator: ",", omittingEmptySubsequences: false) {
            let member = Self.trimmed(part)
            // Empty members are allowed, and left out.
            if member.isEmpty { continue }
            guard let equals = member.firstIndex(of: "=") else { return nil }
            let key = member[..<equals]
            guard Self.isKey(key), Self.isValue(member[member.index(after: equals)...]), keys.insert(key).inserted,
                members.count < 32
            else { return nil }
            members.append(member)
        }
        guard !members.isEmpty else { return nil }
        description = members.joined(separator: ",")
    }

    /// `simple-key`, or `tenant-id@system-id`.
    private static func isKey(_ key: Substring) -> Bool {
        let parts = key.split(separator: "@", omittingEmptySubsequences: false)
        func consists(_ part: Substring, upTo limit: Int, beginsWithDigit: Bool) -> Bool {
            guard let first = part.utf8.first, part.utf8.count <= limit else { return false }
            guard isLetter(first) || beginsWithDigit && isDigit(first) else { return false }
            return part.utf8.allSatisfy {
                isLetter($0) || isDigit($0) || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: "-")
                    || $0 == UInt8(ascii: "*") || $0 == UInt8(ascii: "/")
            }
        }
        switch parts.count {
        case 1: return consists(parts[0], upTo: 256, beginsWithDigit: false)
        case 2:
            return consists(parts[0], upTo: 241, beginsWithDigit: true)
                && consists(parts[1], upTo: 14, beginsWithDigit: false)
        default: return false
        }
    }

    /// 1–256 printable characters but comma and equals, the last one no blank.
    private static func isValue(_ value: Substring) -> Bool {
        guard let last = value.utf8.last, value.utf8.count <= 256, last != UInt8(ascii: " ") else { return false }
        return value.utf8.allSatisfy {
            (0x20...0x7E).contains($0) && $0 != UInt8(ascii: ",") && $0 != UInt8(ascii: "=")
        }
    }

    private static func isLetter(_ byte: UInt8) -> Bool { (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte) }
    private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

    private static func trimmed(_ text: Substring) -> Substring {
        var rest = text
        while let first = rest.utf8.first, first == 0x20 || first == 0x09 { rest.removeFirst() }
        while let last = rest.utf8.last, last == 0x20 || last == 0x09 { rest.removeLast() }
        return rest
    }
}
