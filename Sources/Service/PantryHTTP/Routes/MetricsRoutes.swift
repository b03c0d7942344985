import HTTPTypes

/// What Prometheus reads. Open, as its scrapers expect; whoever does not want that keeps the path from the outside at
/// the proxy.
struct MetricsRoutes {
    let services: PantryServices

    var all: [Route] { [Route(.get, "/metrics", access: .open, handler: show).limited(as: .exempt)] }

    private func show(_ call: Call) async throws -> Reply {
        guard let metrics = services.metrics else { throw Problem.notFound("There are no metrics here.") }
        let page = metrics(call.headers[values: .accept].joined(separator: ","))
        var reply = Reply.text(.ok, page.text, contentType: page.contentType)
        reply.headers[.cacheControl] = "no-store"
        return reply
    }
}
