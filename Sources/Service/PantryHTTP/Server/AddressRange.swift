#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// An IP address, or a CIDR range of them: `10.0.0.0/8`, `::1`.
package struct AddressRange: Sendable, Equatable {
    private var bytes: [UInt8]
    private var bits: Int

    /// - Returns: nil when the text is neither.
    package init?(_ text: String) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let bytes = Self.parse(parts[0]) else { return nil }
        self.bytes = bytes
        bits = bytes.count * 8
        if parts.count == 2 {
            guard let prefix = Int(parts[1]), (0...bits).contains(prefix) else { return nil }
            bits = prefix
        }
    }

    /// Whether the address is one, and in the range.
    package func contains(_ address: some StringProtocol) -> Bool {
        guard let other = Self.parse(address), other.count == bytes.count else { return false }
        for index in 0..<bytes.count {
            let significant = min(8, max(0, bits - index * 8))
            let mask = UInt8(truncatingIfNeeded: 0xFF00 >> significant)
            if (bytes[index] ^ other[index]) & mask != 0 { return false }
        }
        return true
    }

    static func isAddress(_ text: some StringProtocol) -> Bool {
        parse(text) != nil
    }

    /// 4 or 16 bytes; nil for what is no address.
    static func bytes(of text: some StringProtocol) -> [UInt8]? { parse(text) }

    /// 4 or 16 bytes. An IPv4 address that is wrapped in IPv6, as a listener on `::` reports it, is taken as IPv4.
    private static func parse(_ text: some StringProtocol) -> [UInt8]? {
        var v4 = [UInt8](repeating: 0, count: 4)
        if inet_pton(AF_INET, String(text), &v4) == 1 { return v4 }
        var v6 = [UInt8](repeating: 0, count: 16)
        guard inet_pton(AF_INET6, String(text), &v6) == 1 else { return nil }
        if v6[0..<10].allSatisfy({ $0 == 0 }), v6[10] == 0xFF, v6[11] == 0xFF { return Array(v6[12...]) }
        return v6
    }
}
