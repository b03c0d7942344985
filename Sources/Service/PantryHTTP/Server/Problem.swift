import HTTPTypes
import StrictJSON

/// One field that is wrong, in a problem's `errors`.
package struct FieldError: Sendable, Equatable {
    /// A JSON pointer into the body (`/items/0/sku`), or a parameter's name.
    package var pointer: String
    package var code: String
    package var detail: String

    package init(pointer: String, code: String, detail: String) {
        self.pointer = pointer
        self.code = code
        self.detail = detail
    }
}

/// A member of a problem beyond the standard ones, such as `lines` of `out-of-stock`.
package struct ExtraMember: Sendable, Equatable {
    package var name: String
    /// One JSON value, already rendered.
    package var json: String

    package init(_ name: String, json: String) {
        self.name = name
        self.json = json
    }
}

/// A refusal that a client can act on: an RFC 9457 problem. Throw it from anywhere below the server.
package struct Problem: Error, Sendable {
    /// `type` is this and the code. Clients compare `code`, so the address may move without breaking them.
    package static let typeBase = "https://pantry.dev/problems/"

    package var status: HTTPResponse.Status
    /// A stable slug, such as `out-of-stock`.
    package var code: String
    /// The same for every occurrence of the code.
    package var title: String
    /// What is wrong this time. It is shown to the client, so nothing internal belongs in it.
    package var detail: String?
    /// Whether the same request may succeed later, unchanged.
    package var retryable: Bool
    /// Seconds, sent as `Retry-After`.
    package var retryAfter: Int?
    package var errors: [FieldError]
    package var extraMembers: [ExtraMember]
    package var headers: HTTPFields

    package init(
        status: HTTPResponse.Status, code: String, title: String, detail: String? = nil, retryable: Bool = false,
        retryAfter: Int? = nil, errors: [FieldError] = [], extraMembers: [ExtraMember] = [],
        headers: HTTPFields = HTTPFields()
    ) {
        self.status = status
        self.code = code
        self.title = title
        self.detail = detail
        self.retryable = retryable
        self.retryAfter = retryAfter
        self.errors = errors
        self.extraMembers = extraMembers
        self.headers = headers
    }

    /// The body, as `application/problem+json`.
    package func rendered(requestID: String) -> [UInt8] {
        var writer = JSONWriter(capacity: 384)
        writer.object { json in
            json.member("type", Self.typeBase + code)
            json.member("title", title)
            json.member("status", status.code)
            if let detail { json.member("detail", detail) }
            json.member("code", code)
            json.member("requestId", requestID)
            json.member("retryable", retryable)
            if !errors.isEmpty {
                json.member(
                    "errors",
                    array: { list in
                        for error in errors {
                            list.object {
                                $0.member("pointer", error.pointer)
                                $0.member("code", error.code)
                                $0.member("detail", error.detail)
                            }
                        }
                    })
            }
            for extra in extraMembers { json.member(extra.name, raw: extra.json) }
        }
        return writer.bytes
    }

    /// The problem's own headers and those that its members ask for.
    var allHeaders: HTTPFields {
        guard let retryAfter else { return headers }
        var all = headers
        all[.retryAfter] = String(retryAfter)
        return all
    }
}
