/// What OpenTelemetry's standard environment variables say about tracing.
public struct TraceEnvironment: Sendable {
    /// A variable whose value cannot be used.
    public struct Fault: Error, Sendable, Hashable, CustomStringConvertible {
        /// Its name.
        public var variable: String
        /// What it holds; `nil` where that may be a secret.
        public var value: String?
        /// What would be right.
        public var expected: String
        /// All of it in a sentence.
        public var description: String {
            "\(variable)\(value.map { " is “\($0)”" } ?? " cannot be read"); it must be \(expected)"
        }
    }

    /// The variables that are read here.
    public static let names = [
        "OTEL_SDK_DISABLED", "OTEL_TRACES_EXPORTER", "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_PROTOCOL", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL",
        "OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_TRACES_SAMPLER",
        "OTEL_TRACES_SAMPLER_ARG", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES",
    ]

    /// Whether tracing is switched off, whatever else is set.
    public private(set) var isDisabled = false
    /// Where spans are posted to, the path included; nil when no endpoint is set.
    public private(set) var endpoint: String?
    /// What each request carries beside; may hold secrets.
    public private(set) var headers: [(name: String, value: String)] = []
    /// Which traces are recorded.
    public private(set) var sampler = SpanSampler.parentBasedAll
    /// `service.name` among them.
    public private(set) var resourceAttributes: [String: String] = [:]

    /// Reads the variables; an empty one counts as not set, as OpenTelemetry has it.
    /// - Parameter serviceName: the service's name where the variables give none.
    /// - Throws: the first ``Fault``.
    public init(_ variables: [String: String], serviceName: String) throws(Fault) {
        func value(_ name: String) -> String? { variables[name].flatMap { $0.isEmpty ? nil : $0 } }
        func either(_ specific: String, _ general: String) -> (name: String, value: String)? {
            value(specific).map { (specific, $0) } ?? value(general).map { (general, $0) }
        }
        isDisabled = value("OTEL_SDK_DISABLED")?.lowercased() == "true"
        if let exporter = value("OTEL_TRACES_EXPORTER") {
            guard ["otlp", "none"].contains(exporter) else {
                throw Fault(variable: "OTEL_TRACES_EXPORTER", value: exporter, expected: "otlp or none")
            }
            if exporter == "none" { isDisabled = true }
        }
        if let (name, text) = either("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL"),
            text != "http/json"
        {
            throw Fault(variable: name, value: text, expected: "http/json, the one protocol that is spoken here")
        }
        endpoint = try Self.endpoint(
            traces: value("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"), all: value("OTEL_EXPORTER_OTLP_ENDPOINT"))
        if let (name, text) = either("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS") {
            guard let pairs = Self.pairs(text) else {
                throw Fault(variable: name, value: nil, expected: "name=value pairs, separated by commas")
            }
            headers = pairs
        }
        sampler = try Self.sampler(value("OTEL_TRACES_SAMPLER"), argument: value("OTEL_TRACES_SAMPLER_ARG"))
        if let text = value("OTEL_RESOURCE_ATTRIBUTES") {
            guard let pairs = Self.pairs(text) else {
                throw Fault(
                    variable: "OTEL_RESOURCE_ATTRIBUTES", value: text,
                    expected: "key=value pairs, separated by commas, percent-encoded where need be")
            }
            for (key, value) in pairs { resourceAttributes[key] = value }
        }
        if let name = value("OTEL_SERVICE_NAME") ?? resourceAttributes["service.name"] ?? Optional(serviceName) {
            resourceAttributes["service.name"] = name
        }
    }

    // MARK: The single variables

    private static func endpoint(traces: String?, all: String?) throws(Fault) -> String? {
        func check(_ text: String, _ name: String) throws(Fault) -> String {
            let scheme = ["http://", "https://"].first { text.lowercased().hasPrefix($0) }
            let authority = scheme.map { text.dropFirst($0.count).prefix { !"/?#".contains($0) } } ?? ""
            let isPlain = text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
            guard !authority.isEmpty, authority.first != ":", isPlain else {
                let shown = text.contains("@") ? nil : text
                throw Fault(variable: name, value: shown, expected: "a URL such as http://localhost:4318")
            }
            return text
        }
        if let traces { return try check(traces, "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") }
        guard let all else { return nil }
        // The general one is a base; the one for traces is taken as it is.
        var base = try check(all, "OTEL_EXPORTER_OTLP_ENDPOINT")
        while base.hasSuffix("/") { base.removeLast() }
        return base + "/v1/traces"
    }

    private static func sampler(_ name: String?, argument: String?) throws(Fault) -> SpanSampler {
        var ratio = 1.0
        if let argument {
            guard let number = Double(argument), (0...1).contains(number) else {
                let expected = "a share between 0 and 1, such as 0.1"
                throw Fault(variable: "OTEL_TRACES_SAMPLER_ARG", value: argument, expected: expected)
            }
            ratio = number
        }
        switch name {
        case nil, "parentbased_always_on": return SpanSampler(.all)
        case "parentbased_always_off": return SpanSampler(.none)
        case "parentbased_traceidratio": return SpanSampler(.ratio(ratio))
        case "always_on": return SpanSampler(.all, asksParent: false)
        case "always_off": return SpanSampler(.none, asksParent: false)
        case "traceidratio": return SpanSampler(.ratio(ratio), asksParent: false)
        case let name?:
            throw Fault(
                variable: "OTEL_TRACES_SAMPLER", value: name,
                expected: "always_on, always_off, traceidratio, or one of these after parentbased_")
        }
    }

    /// `a=b,c=d`, percent-encoded; nil when it is not that.
    private static func pairs(_ text: String) -> [(name: String, value: String)]? {
        var pairs: [(name: String, value: String)] = []
        for part in text.split(separator: ",") {
            let sides = part.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard sides.count == 2, let name = decoded(sides[0]), let value = decoded(sides[1]), !name.isEmpty
            else { return nil }
            pairs.append((name, value))
        }
        return pairs
    }

    private static func decoded(_ text: Substring) -> String? {
        var bytes: [UInt8] = []
        var rest = text.utf8.drop { $0 == 0x20 }
        while rest.last == 0x20 { rest.removeLast() }
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst(), let low = rest.popFirst(),
                let value = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { return nil }
            bytes.append(value)
        }
        return String(validating: bytes, as: UTF8.self)
    }
}
