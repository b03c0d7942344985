import Determinism
import HTTPTypes
import StrictJSON

/// How the server is. `/health` is for people and outer load balancers; the probes look at this process alone.
struct HealthRoutes {
    let services: PantryServices
    let state: ServerState
    private let probe: SharedProbe<(isDatabaseThere: Bool, isCacheThere: Bool)>

    init(services: PantryServices, state: ServerState) {
        (self.services, self.state) = (services, state)
        probe = SharedProbe(for: services.healthLifetime, time: services.time) { [services] in
            async let database = services.health()
            return (await database, await services.cacheHealth())
        }
    }

    var all: [Route] {
        [
            Route(.get, "/health", access: .open, handler: health).limited(as: .exempt),
            Route(.get, "/livez", access: .open, handler: live).limited(as: .exempt),
            Route(.get, "/readyz", access: .open, handler: ready).limited(as: .exempt),
        ]
    }

    private func health(_ call: Call) async throws -> Reply {
        let (isDatabaseThere, isCacheThere) = await probe.answer()
        let isHealthy = isDatabaseThere && isCacheThere
        var json = JSONWriter()
        json.object { json in
            json.member("status", isHealthy ? "healthy" : "unhealthy")
            json.member("timestamp", services.time.now().rfc3339)
            json.member(
                "checks",
                object: { json in
                    json.member("database", isDatabaseThere ? "fulfilled" : "rejected")
                    json.member("cache", isCacheThere ? "fulfilled" : "rejected")
                })
        }
        return .json(isHealthy ? .ok : .serviceUnavailable, bytes: json.bytes, headers: Self.uncached)
    }

    private func live(_ call: Call) async throws -> Reply {
        var json = JSONWriter()
        json.object { json in
            json.member("status", "alive")
            json.member("version", services.version)
        }
        return .json(.ok, bytes: json.bytes, headers: Self.uncached)
    }

    private func ready(_ call: Call) async throws -> Reply {
        if state.isDraining { return .json(.serviceUnavailable, "{\"status\":\"draining\"}", headers: Self.uncached) }
        guard state.isReady else {
            return .json(.serviceUnavailable, "{\"status\":\"starting\"}", headers: Self.uncached)
        }
        return .json(.ok, "{\"status\":\"ready\"}", headers: Self.uncached)
    }

    private static let uncached: HTTPFields = [.cacheControl: "no-store"]
}
