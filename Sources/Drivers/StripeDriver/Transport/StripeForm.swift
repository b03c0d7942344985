/// The parameters of a request in `application/x-www-form-urlencoded`, in the order they were added: the same values
/// give the same bytes, which is what Stripe compares under an idempotency key.
struct StripeForm: Sendable {
    private(set) var text = ""

    init(_ pairs: KeyValuePairs<String, String> = [:]) {
        for (name, value) in pairs { add(name, value) }
    }

    mutating func add(_ name: String, _ value: String) {
        if !text.isEmpty { text += "&" }
        text += Self.encoded(name) + "=" + Self.encoded(value)
    }

    /// Everything but RFC 3986's unreserved characters is escaped.
    private static func encoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case 48...57, 65...90, 97...122, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default:
                bytes += [UInt8(ascii: "%"), hexadecimalDigits[Int(byte >> 4)], hexadecimalDigits[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

private let hexadecimalDigits = Array("0123456789ABCDEF".utf8)
