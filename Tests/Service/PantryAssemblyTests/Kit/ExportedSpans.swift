import Determinism
import DeterminismTestKit
import Logging
import StrictJSON

@testable import PantryAssembly

/// What a server's traces come to, instead of a collector.
struct ExportedSpans {
    private let requests = Notes<[UInt8]>()

    /// An observation that exports to here.
    func observation(isTraced: Bool = true) throws -> Observation {
        let variables = isTraced ? ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector.example:4318"] : [:]
        let tracing = try TracingSettings.read(variables, workingDirectory: "/somewhere")
        let requests = requests
        return try Observation(
            tracing, version: "1", time: SystemTime(), random: SeededRandom(seed: 1), logger: Logger(label: "t")
        ) { _, _, body in
            requests.note(body)
            return .accepted
        }
    }

    /// All spans so far, in their order.
    func all() throws -> [JSONObject] {
        var spans: [JSONObject] = []
        for request in requests.all {
            let root = try JSONReader.parse(String(decoding: request, as: UTF8.self)).object
            for resource in root?["resourceSpans"]?.array ?? [] {
                for scope in resource.object?["scopeSpans"]?.array ?? [] {
                    spans += (scope.object?["spans"]?.array ?? []).compactMap(\.object)
                }
            }
        }
        return spans
    }
}

/// A span's attributes by their names.
func attributes(_ span: JSONObject) -> [String: JSONValue] {
    let list = (span["attributes"]?.array ?? []).compactMap(\.object)
    return Dictionary(
        list.map { ($0["key"]?.string ?? "", $0["value"]?.object?.members.first?.value ?? .null) },
        uniquingKeysWith: { $1 })
}
