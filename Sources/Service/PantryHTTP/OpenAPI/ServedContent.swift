import Crypto
import HTTPTypes
import PantryDomain

/// Something that is the same for everybody until the next version: served with an `ETag`, and not again to who has it.
struct ServedContent: Sendable {
    private let bytes: [UInt8]
    private let contentType: String
    private let headers: HTTPFields
    let tag: String

    init(_ bytes: [UInt8], _ contentType: String, headers: HTTPFields = [:]) {
        (self.bytes, self.contentType) = (bytes, contentType)
        tag = "\"\(Base64URL.encode(SHA256.hash(data: bytes).prefix(16)))\""
        var headers = headers
        headers[.eTag] = tag
        // Kept, but asked for again: an upgrade of the server must not leave the old page behind.
        headers[.cacheControl] = "no-cache"
        headers[.xContentTypeOptions] = "nosniff"
        self.headers = headers
    }

    func reply(to call: Call) -> Reply {
        let isKnown = call.headers[values: .ifNoneMatch].contains { value in
            value.split(separator: ",").contains { part in
                let part = part.trimmed
                return part == "*" || part == tag || part == "W/\(tag)"
            }
        }
        if isKnown { return Reply(status: .notModified, headers: headers) }
        return Reply(status: .ok, headers: headers, body: .bytes(bytes), contentType: contentType)
    }
}
