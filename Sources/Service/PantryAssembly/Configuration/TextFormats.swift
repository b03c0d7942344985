import Foundation

extension ValueFormat<String> {
    static var directory: ValueFormat {
        ValueFormat(type: "path of a directory") { text throws(ValueComplaint) in
            try ConfiguredPath.check(text)
            return text
        }
    }

    /// A name for the host to listen on; no port, no brackets.
    static var host: ValueFormat {
        ValueFormat(type: "IP address or host name") { text throws(ValueComplaint) in
            guard IPAddress.version(of: text) != nil || isHostName(text) else {
                throw ValueComplaint("must be an IP address or a host name, without a port or brackets")
            }
            return text
        }
    }

    private static func isHostName(_ text: String) -> Bool {
        let labels = text.split(separator: ".", omittingEmptySubsequences: false)
        // A name whose last label is a number is a mistyped IPv4 address.
        guard text.utf8.count <= 253, let last = labels.last, !last.allSatisfy(\.isNumber) else { return false }
        return labels.allSatisfy { label in
            (1...63).contains(label.utf8.count) && !label.hasPrefix("-") && !label.hasSuffix("-")
                && label.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || $0 == "-" || $0 == "_") }
        }
    }

    /// A name of a shard, a plan or a region.
    static var name: ValueFormat {
        ValueFormat(type: "1 to 32 of `a-z 0-9 -`") { text throws(ValueComplaint) in
            let isName = text.allSatisfy { ("a"..."z").contains($0) || ("0"..."9").contains($0) || $0 == "-" }
            guard isName, (1...32).contains(text.unicodeScalars.count) else {
                throw ValueComplaint("must be 1 to 32 characters of a-z, 0-9 and -")
            }
            return text
        }
    }

    static var network: ValueFormat {
        ValueFormat(type: "IP addresses and CIDR blocks") { text throws(ValueComplaint) in
            guard IPAddress.isAddressOrBlock(text) else {
                throw ValueComplaint("must be an IP address or a CIDR block, such as 10.0.0.0/8 or fd00::/8")
            }
            return text
        }
    }
}

extension ValueFormat<String> {
    static var webhookSecret: ValueFormat {
        ValueFormat(type: "text", support: "with `stripe`", display: .secret) { text throws(ValueComplaint) in
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValueComplaint("must be visible ASCII characters, without spaces")
            }
            return text
        }
    }
}

extension ValueFormat<String?> {
    static var token: ValueFormat {
        ValueFormat(type: "16 or more visible ASCII characters", display: .secret) { text throws(ValueComplaint) in
            guard text.utf8.count >= 16, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValueComplaint("must be at least 16 visible ASCII characters, without spaces")
            }
            return text
        }
    }

    static var providerKey: ValueFormat {
        ValueFormat(type: "text", support: "with `stripe`", display: .secret) { text throws(ValueComplaint) in
            guard !text.isEmpty, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
                throw ValueComplaint("must be visible ASCII characters, without spaces")
            }
            return text
        }
    }

    static var providerURL: ValueFormat {
        ValueFormat(type: "http or https URL", support: "with `stripe`", display: .url) {
            text throws(ValueComplaint) in
            guard isWebURL(text) else { throw ValueComplaint("must be an http or https URL") }
            return text
        }
    }

    /// A webhook's address is as good as a password, so it is never shown. Empty means none.
    static var webhook: ValueFormat {
        ValueFormat(type: "http or https URL, or empty", display: .secret) { text throws(ValueComplaint) in
            guard !text.isEmpty else { return nil }
            guard isWebURL(text) else { throw ValueComplaint("must be an http or https URL, or empty") }
            return text
        }
    }

    private static func isWebURL(_ text: String) -> Bool {
        guard text.allSatisfy(\.isASCII), let url = URL(string: text), let scheme = url.scheme?.lowercased() else {
            return false
        }
        return ["http", "https"].contains(scheme) && url.host?.isEmpty == false
    }
}

extension ValueFormat<ClosedRange<Int>?> {
    /// Numbers of organizations, `0-999` or one alone.
    static var organizations: ValueFormat {
        ValueFormat(type: "range of organizations' numbers, `0-999`", support: "no effect yet") {
            text throws(ValueComplaint) in
            let ends = text.split(separator: "-", omittingEmptySubsequences: false)
            let numbers = ends.compactMap { end in end.allSatisfy({ $0.isASCII && $0.isNumber }) ? Int(end) : nil }
            guard (1...2).contains(ends.count), numbers.count == ends.count, numbers[0] <= numbers[numbers.count - 1]
            else { throw ValueComplaint("must be a range such as 0-999, the smaller number first") }
            return numbers[0]...numbers[numbers.count - 1]
        }
    }
}

extension ValueFormat<String?> {
    static var region: ValueFormat {
        let name = ValueFormat<String>.name
        return ValueFormat(type: name.type, support: "no effect yet") { text throws(ValueComplaint) in
            try name.parse(text)
        }
    }
}
