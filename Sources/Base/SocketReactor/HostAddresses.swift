#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The system's resolver.
package enum HostAddresses {
    /// A name without an address, and why.
    package struct Failure: Error, Sendable, Hashable {
        /// In the resolver's words.
        package let reason: String
    }

    /// The addresses of a host in digits, IPv4 or IPv6, in the resolver's order, none twice. Blocks, for as long as the
    /// resolver does.
    package static func resolve(_ name: String) throws(Failure) -> [String] {
        var hints = addrinfo()
        #if canImport(Glibc)
            hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        #else
            hints.ai_socktype = SOCK_STREAM
        #endif
        var list: UnsafeMutablePointer<addrinfo>?
        let status = getaddrinfo(name, nil, &hints, &list)
        defer { if let list { freeaddrinfo(list) } }
        guard status == 0 else {
            throw Failure(
                reason: "the name “\(name)” could not be resolved: \(String(cString: gai_strerror(status)))")
        }
        var addresses: [String] = []
        var next = list
        while let entry = next {
            var digits = [CChar](repeating: 0, count: Int(NI_MAXHOST))
            if getnameinfo(
                entry.pointee.ai_addr, entry.pointee.ai_addrlen, &digits, socklen_t(digits.count), nil, 0,
                NI_NUMERICHOST) == 0
            {
                let address = String(decoding: digits.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
                if !addresses.contains(address) { addresses.append(address) }
            }
            next = entry.pointee.ai_next
        }
        if addresses.isEmpty { throw Failure(reason: "the name “\(name)” has no address") }
        return addresses
    }
}
