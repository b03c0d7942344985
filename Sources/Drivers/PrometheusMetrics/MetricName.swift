/// Names as Prometheus takes them, out of whatever a program calls its metrics and labels.
enum MetricName {
    /// `http.server.requests` → `http_server_requests`. Colons belong to recording rules and are replaced as well.
    static func metric(_ label: String) -> String { sanitized(label, otherwise: "unnamed") }

    /// Like a metric's, and without the two leading underscores that Prometheus keeps for itself.
    static func label(_ name: String) -> String {
        var text = sanitized(name, otherwise: "label")
        while text.hasPrefix("__") { text.removeFirst() }
        return text
    }

    private static func sanitized(_ text: String, otherwise: String) -> String {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(text.utf8.count)
        for scalar in text.unicodeScalars {
            switch scalar {
            case "a"..."z", "A"..."Z", "_": bytes.append(UInt8(scalar.value))
            case "0"..."9":
                if bytes.isEmpty { bytes.append(UInt8(ascii: "_")) }
                bytes.append(UInt8(scalar.value))
            default: bytes.append(UInt8(ascii: "_"))
            }
        }
        return bytes.isEmpty ? otherwise : String(decoding: bytes, as: UTF8.self)
    }

    /// The name that a metric of this kind has on the page.
    static func exposed(_ label: String, as kind: MetricKind) -> String {
        var name = metric(label)
        switch kind {
        case .counter: if !name.hasSuffix("_total") { name += "_total" }
        case .timer: if !name.hasSuffix("_seconds") { name += "_seconds" }
        case .gauge, .recorder: break
        }
        return name
    }
}

/// What a metric is, and with that how it is written.
enum MetricKind: String, Sendable {
    case counter
    case gauge
    case timer
    case recorder

    /// What `# TYPE` says.
    var type: String {
        switch self {
        case .counter: "counter"
        case .gauge: "gauge"
        case .timer, .recorder: "histogram"
        }
    }
}
