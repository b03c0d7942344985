import NIOCore

/// The other end of a connection.
struct Peer: Sendable {
    private var address: String
    private var proxies: [AddressRange]
    private var isProxy: Bool

    init(address: String, proxies: [AddressRange]) {
        self.address = address
        self.proxies = proxies
        isProxy = proxies.contains { $0.contains(address) }
    }

    /// Who sent the request. A trusted proxy's `X-Forwarded-For` is read from its end, where the proxies that we know
    /// have written, back to the first address that is none of theirs; what stands before it anybody may have made up.
    func clientAddress(forwardedFor: String?) -> String {
        guard isProxy, let forwardedFor else { return address }
        var client = address
        for entry in forwardedFor.split(separator: ",").reversed() {
            let hop = entry.trimmed
            guard AddressRange.isAddress(hop) else { break }
            client = String(hop)
            if !proxies.contains(where: { $0.contains(hop) }) { break }
        }
        return client
    }
}
