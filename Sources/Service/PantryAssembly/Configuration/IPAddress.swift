import Foundation

/// Tells IP addresses and CIDR blocks from other texts.
enum IPAddress {
    /// 4 or 6, or nil if the text is no address.
    static func version(of text: String) -> Int? {
        var buffer = in6_addr()
        if inet_pton(AF_INET, text, &buffer) == 1 { return 4 }
        return inet_pton(AF_INET6, text, &buffer) == 1 ? 6 : nil
    }

    static func isAddressOrBlock(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let version = version(of: String(parts[0])) else { return false }
        if parts.count == 1 { return true }
        guard parts.count == 2, (1...3).contains(parts[1].count), parts[1].allSatisfy({ $0.isASCII && $0.isNumber }),
            let bits = Int(parts[1])
        else { return false }
        return bits <= (version == 4 ? 32 : 128)
    }
}
