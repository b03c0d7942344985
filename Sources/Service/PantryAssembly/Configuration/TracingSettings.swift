import OpenTelemetryTracing

/// What the environment says about tracing: OpenTelemetry's own variables, and `PANTRY_TRACE_FILE`.
package struct TracingSettings: Sendable {
    /// Where spans go.
    package enum Destination: Sendable {
        /// Lines of OTLP/JSON, appended to a file.
        case file(path: String)
        /// OTLP/HTTP. The headers may hold secrets.
        case endpoint(url: String, headers: [(name: String, value: String)])
    }
    package var destination: Destination
    package var sampler: SpanSampler
    package var resourceAttributes: [String: String]

    /// nil when spans have nowhere to go: then there is no tracing, and it costs nothing.
    /// - Throws: a value that cannot be used, though nothing may come of it: whoever sets it means it.
    package static func read(
        _ environment: [String: String], workingDirectory: String
    ) throws(ConfigurationProblems) -> TracingSettings? {
        let standard: TraceEnvironment
        do { standard = try TraceEnvironment(environment, serviceName: "pantry") } catch {
            throw problem(error.variable, error.value, "must be \(error.expected)")
        }
        let file = environment[KnownVariables.traceFile]
        if file?.isEmpty == true {
            throw problem(KnownVariables.traceFile, "", "must name the file to append spans to")
        }
        if standard.isDisabled { return nil }
        let destination: Destination
        switch (file, standard.endpoint) {
        case (nil, nil): return nil
        case (let file?, nil): destination = .file(path: ConfiguredPath.resolve(file, under: workingDirectory))
        case (nil, let url?): destination = .endpoint(url: url, headers: standard.headers)
        case (let file?, .some):
            throw problem(
                KnownVariables.traceFile, file,
                "must not be set together with an OTEL_EXPORTER_OTLP_ endpoint: spans go to one place")
        }
        return TracingSettings(
            destination: destination, sampler: standard.sampler, resourceAttributes: standard.resourceAttributes)
    }

    private static func problem(_ variable: String, _ value: String?, _ message: String) -> ConfigurationProblems {
        let shown = value.map { ValueDisplay.printable($0) }
        return ConfigurationProblems(problems: [
            .init(place: .variable(variable), path: "", value: shown, message: message)
        ])
    }
}
