/// What the URLs of servers have in common: percent-encoding, hosts with ports, options, times.
///
/// Nothing of a host is quoted: with a `/` in a password that is not encoded, a piece of it stands where the host
/// should.
package enum ServerURL {
    /// What is wrong, and what would be right.
    package struct Fault: Error, Sendable, Hashable {
        package let reason: String
        package init(_ reason: String) { self.reason = reason }
    }

    /// Replaces `%` and two digits by the byte that they stand for. RFC 3986, section 2.1.
    /// - Parameter what: what the text is, for messages.
    package static func decoded(_ text: Substring, _ what: String) throws(Fault) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst().flatMap(digit), let low = rest.popFirst().flatMap(digit) else {
                throw Fault("\(what) holds a % that is not followed by two hexadecimal digits; a % is written %25")
            }
            bytes.append(high << 4 | low)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw Fault("\(what) is not UTF-8 once it is decoded")
        }
        return decoded
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
        default: nil
        }
    }

    /// Reads `name`, `name:port` or `[address]:port`.
    /// - Parameters:
    ///   - what: which host it is, for messages, such as `host 1 of the URL`.
    ///   - port: the one that is meant where none is given.
    package static func host(
        _ text: Substring, _ what: String, port fallback: Int
    ) throws(Fault) -> (name: String, port: Int) {
        var (name, port) = (text, Substring())
        if text.hasPrefix("[") {
            guard let close = text.firstIndex(of: "]") else { throw Fault("\(what) has a [ and no ]") }
            let behind = text[text.index(after: close)...]
            guard behind.isEmpty || behind.hasPrefix(":") else {
                throw Fault("behind the ] of \(what) there is something else than :PORT")
            }
            (name, port) = (text[text.index(after: text.startIndex)..<close], behind)
        } else if let colon = text.firstIndex(of: ":") {
            (name, port) = (text[..<colon], text[colon...])
        }
        guard let number = port.isEmpty ? fallback : Int(port.dropFirst()), (1...65_535).contains(number) else {
            throw Fault(
                "the port of \(what) is not a number from 1 to 65535; an IPv6 address stands in [ ], and in a password "
                    + ": / ? # @ % are written %3A %2F %3F %23 %40 %25")
        }
        return (try decoded(name, "the name of \(what)"), number)
    }

    /// Reads `option=value&…`.
    package static func options(_ text: Substring) throws(Fault) -> [(name: String, value: String)] {
        var options: [(name: String, value: String)] = []
        for pair in text.split(separator: "&") {
            guard let equals = pair.firstIndex(of: "=") else {
                throw Fault("an option of the URL has no value; options are written OPTION=VALUE, with & between them")
            }
            let name = try decoded(pair[..<equals], "an option's name")
            if options.contains(where: { $0.name == name }) { throw Fault("the option “\(name)” is there twice") }
            options.append((name, try decoded(pair[pair.index(after: equals)...], "the value of “\(name)”")))
        }
        return options
    }

    /// Reads a time such as `500`, `500ms`, `30s` or `5min`, not less than zero.
    package static func time(_ name: String, _ value: String) throws(Fault) -> Duration {
        let units: [(String, Int64)] = [("ms", 1), ("min", 60_000), ("s", 1_000), ("", 1)]
        for (unit, factor) in units where value.hasSuffix(unit) {
            guard let count = Int32(value.dropLast(unit.count)), count >= 0 else { break }
            return .milliseconds(Int64(count) * factor)
        }
        throw Fault("\(name) is “\(value)”, not a time such as 500, 500ms, 30s or 5min; without a unit it is in ms")
    }
}
