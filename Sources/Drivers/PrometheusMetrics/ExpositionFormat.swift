/// The two texts that Prometheus reads.
public enum ExpositionFormat: Sendable, CaseIterable {
    /// The text format, version 0.0.4.
    case text
    /// OpenMetrics 1.0.
    case openMetrics

    /// What `Content-Type` says.
    public var contentType: String {
        switch self {
        case .text: "text/plain; version=0.0.4; charset=utf-8"
        case .openMetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8"
        }
    }

    /// What a client with this `Accept` header is to get: OpenMetrics where it asks for version 1.0.0 and prefers it
    /// to plain text, else the text format, which everybody reads.
    public init(accept: String?) {
        var best = (text: -1.0, openMetrics: -1.0)
        for range in (accept ?? "").split(separator: ",") {
            let parts = range.split(separator: ";").map { $0.lowercased().filter { $0 != " " && $0 != "\t" } }
            guard let type = parts.first else { continue }
            let quality = parts.first { $0.hasPrefix("q=") }.map { Double($0.dropFirst(2)) ?? 0 } ?? 1
            let version = parts.first { $0.hasPrefix("version=") }?.dropFirst(8)
            switch type {
            case "application/openmetrics-text" where quality > 0 && version.map { $0 == "1.0.0" } ?? false:
                best.openMetrics = max(best.openMetrics, quality)
            case "text/plain", "text/*", "*/*":
                best.text = max(best.text, quality)
            default: break
            }
        }
        self = best.openMetrics > 0 && best.openMetrics >= best.text ? .openMetrics : .text
    }
}
