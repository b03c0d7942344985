/// A request target taken apart into path and query, neither of them decoded.
struct RequestTarget: Equatable {
    var path: Substring
    /// What follows the question mark; nil without one.
    var query: Substring?

    /// Takes the origin form (`/v1/orders?limit=5`), the absolute form that proxies use (`http://host/v1/orders`),
    /// and `*`.
    ///
    /// - Returns: nil for anything else, and for bytes that no target may have.
    init?(_ target: String) {
        guard target.utf8.allSatisfy({ (0x21...0x7E).contains($0) && $0 != UInt8(ascii: "#") }) else { return nil }
        var rest = target[...]
        if rest == "*" {
            path = rest
            return
        }
        if rest.utf8.first != UInt8(ascii: "/") {
            guard let afterAuthority = Self.dropOrigin(rest) else { return nil }
            rest = afterAuthority
        }
        if let mark = rest.utf8.firstIndex(of: UInt8(ascii: "?")) {
            path = rest[..<mark]
            query = rest[rest.utf8.index(after: mark)...]
        } else {
            path = rest
        }
        if path.isEmpty { path = "/" }
    }

    private static func dropOrigin(_ target: Substring) -> Substring? {
        let scheme = target.prefix(8).lowercased()
        let length = if scheme.hasPrefix("http://") { 7 } else if scheme == "https://" { 8 } else { 0 }
        guard length > 0 else { return nil }
        let authority = target.dropFirst(length)
        let end = authority.utf8.firstIndex { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "?") }
        let rest = authority[(end ?? authority.endIndex)...]
        return authority.isEmpty || end == authority.startIndex ? nil : rest
    }
}
