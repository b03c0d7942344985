/// What header values must look like before the server believes them.
enum HeaderRules {
    /// 1–128 characters of `[A-Za-z0-9._-]`: nothing that could forge a log line.
    static func isRequestID(_ value: String) -> Bool {
        let bytes = value.utf8
        return (1...128).contains(bytes.count)
            && bytes.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                    UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                    true
                default: false
                }
            }
    }

    /// W3C Trace Context: `00-<32 hex>-<16 hex>-<2 hex>`, lower case, ids not all zero. A later version may go on
    /// after another dash.
    static func isTraceparent(_ value: String) -> Bool {
        let bytes = Array(value.utf8)
        let dash = UInt8(ascii: "-")
        guard bytes.count >= 55, bytes.count <= 256, bytes[2] == dash, bytes[35] == dash, bytes[52] == dash,
            isLowerHex(bytes[0..<2]), isLowerHex(bytes[3..<35]), isLowerHex(bytes[36..<52]), isLowerHex(bytes[53..<55])
        else { return false }
        let zero = UInt8(ascii: "0")
        let f = UInt8(ascii: "f")
        if bytes[3..<35].allSatisfy({ $0 == zero }) || bytes[36..<52].allSatisfy({ $0 == zero }) { return false }
        if bytes[0] == f, bytes[1] == f { return false }
        if bytes[0] == zero, bytes[1] == zero { return bytes.count == 55 }
        return bytes.count == 55 || bytes[55] == dash
    }

    /// The token of `Bearer …`; nil for any other scheme and for an empty token.
    static func bearerToken(_ value: String) -> String? {
        let scheme = value.prefix(7)
        guard scheme == "Bearer " || scheme.lowercased() == "bearer " else { return nil }
        let token = value.dropFirst(7).drop { $0 == " " }
        guard !token.isEmpty, token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        return String(token)
    }

    /// Whether a body of this `Content-Type` is one of `kinds` (lower case, without parameters), and not in a charset
    /// other than UTF-8.
    static func accepts(_ contentType: String?, _ kinds: [String]) -> Bool {
        if kinds.contains("*/*") { return true }
        guard let contentType else { return false }
        if kinds.contains(contentType) { return true }
        let parts = contentType.lowercased().split(separator: ";", omittingEmptySubsequences: false)
        guard kinds.contains(where: { $0 == parts[0].trimmed }) else { return false }
        return parts.dropFirst().allSatisfy { parameter in
            guard let equals = parameter.firstIndex(of: "=") else { return parameter.trimmed.isEmpty }
            guard parameter[..<equals].trimmed == "charset" else { return true }
            let charset = parameter[parameter.index(after: equals)...].trimmed
            return charset == "utf-8" || charset == "\"utf-8\""
        }
    }

    private static func isLowerHex(_ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"): true
            default: false
            }
        }
    }
}

extension Substring {
    /// Without spaces and tabs at either end.
    var trimmed: Substring {
        var rest = self
        while let first = rest.first, first == " " || first == "\t" { rest.removeFirst() }
        while let last = rest.last, last == " " || last == "\t" { rest.removeLast() }
        return rest
    }
}
