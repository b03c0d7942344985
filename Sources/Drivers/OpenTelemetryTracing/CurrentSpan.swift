import Tracing

extension SpanContext {
    /// Told by ``OpenTelemetrySpan/run(isolation:_:)``.
    @TaskLocal static var running: SpanContext?

    /// Where the present task works: inside of the innermost span that does work there with
    /// ``OpenTelemetrySpan/run(isolation:_:)``, else where `ServiceContext.current` says.
    public static var current: SpanContext? { running ?? ServiceContext.current?.openTelemetrySpan }

    /// `ServiceContext.current`, or a new one, with this place.
    public final var context: ServiceContext {
        var context = ServiceContext.current ?? .topLevel
        context.openTelemetrySpan = self
        return context
    }
}

extension OpenTelemetrySpan {
    /// Does work inside the span, for those who ask ``SpanContext/current`` where they are.
    ///
    /// `ServiceContext.withValue(span.context)` tells every library. That is a dictionary for each span that has work
    /// inside, and a search in it for each span that begins there: a third of what a trace cost an order. Where such a
    /// library is called, ``ServiceContext/withCurrentSpan(isolation:_:)`` tells it.
    public func run<Value>(
        isolation: isolated (any Actor)? = #isolation, _ work: () async throws -> Value
    ) async rethrows -> Value {
        try await SpanContext.$running.withValue(place, operation: work)
    }

    /// Does work inside the span, without waiting.
    public func run<Value>(_ work: () throws -> Value) rethrows -> Value {
        try SpanContext.$running.withValue(place, operation: work)
    }
}

extension ServiceContext {
    /// Calls a library that asks `ServiceContext.current` where it is: tells it ``SpanContext/current``.
    public static func withCurrentSpan<Value>(
        isolation: isolated (any Actor)? = #isolation, _ call: () async throws -> Value
    ) async rethrows -> Value {
        guard let span = SpanContext.running else { return try await call() }
        return try await ServiceContext.$current.withValue(span.context, operation: call)
    }
}
