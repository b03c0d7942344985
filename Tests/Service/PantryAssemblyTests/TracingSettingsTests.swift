import Testing

@testable import PantryAssembly

@Suite("Tracing settings")
struct TracingSettingsTests {
    private func read(_ environment: [String: String]) throws -> TracingSettings? {
        try TracingSettings.read(environment, workingDirectory: "/somewhere")
    }

    @Test("nowhere to send spans: no tracing")
    func nothing() throws {
        for environment in [
            [:], ["OTEL_SERVICE_NAME": "shop"], ["OTEL_TRACES_SAMPLER": "always_on"],
            ["PANTRY_TRACE_FILE": "x", "OTEL_SDK_DISABLED": "true"],
            ["OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_TRACES_EXPORTER": "none"],
        ] {
            #expect(try read(environment)?.sampler == nil, "\(environment)")
        }
    }

    @Test("a file, under the working directory")
    func file() throws {
        guard case .file(let path)? = try read(["PANTRY_TRACE_FILE": "spans.jsonl"])?.destination else {
            Issue.record("no file")
            return
        }
        #expect(path == "/somewhere/spans.jsonl")
    }

    @Test("an endpoint, with the standard's path and headers")
    func endpoint() throws {
        let settings = try read([
            "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318", "OTEL_EXPORTER_OTLP_HEADERS": "a=b",
            "OTEL_SERVICE_NAME": "shop",
        ])
        guard case .endpoint(let url, let headers)? = settings?.destination else {
            Issue.record("no endpoint")
            return
        }
        #expect(url == "http://c:4318/v1/traces" && headers.map(\.name) == ["a"])
        #expect(settings?.resourceAttributes["service.name"] == "shop")
    }

    @Test(
        "bad values name the variable and what would be right",
        arguments: [
            (["OTEL_TRACES_SAMPLER": "often"], #"OTEL_TRACES_SAMPLER: "often": must be always_on"#),
            (["PANTRY_TRACE_FILE": ""], "PANTRY_TRACE_FILE"),
            (["PANTRY_TRACE_FILE": "a", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"], "spans go to one place"),
            (["OTEL_EXPORTER_OTLP_HEADERS": "hunter2"], "OTEL_EXPORTER_OTLP_HEADERS: must be name=value"),
        ])
    func bad(environment: [String: String], words: String) {
        let problems = #expect(throws: ConfigurationProblems.self) { try read(environment) }
        #expect(problems?.description.contains(words) == true, "\(problems?.description ?? "")")
        #expect(problems?.description.contains("hunter2") == false)
    }

    @Test("PANTRY_TRACE_FILE is no unknown variable")
    func known() throws {
        let source = ConfigurationSource(environment: ["PANTRY_TRACE_FILE": "x"], workingDirectory: "/somewhere")
        _ = try ConfigurationLoader.load(source)
    }
}
