import Determinism
import HTTPTypes
import PantryDomain
import StrictJSON

/// The database servers behind this process, and its connections to them, for operators.
struct DatabaseRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.get, "/ops/replicas", .operatorOnly, answering: replicas),
            Route(.get, "/ops/pools", .operatorOnly, answering: pools),
        ]
    }

    private func replicas(_ call: Call) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        return Self.reply(services.servers()) { server, json in
            json.member("database", server.database)
            json.member("server", server.name)
            json.member("address", server.address)
            json.member("engine", server.engine)
            json.member("standing", server.standing)
            json.member("detail", server.detail)
            json.member("isPrimary", server.isPrimary)
            json.member("serves", server.serves)
            json.member("timeline", server.timeline)
            json.member("lagBytes", server.lagBytes)
            json.member("lagMilliseconds", server.lag.map { $0.inMilliseconds })
        }
    }

    private func pools(_ call: Call) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        return Self.reply(services.servers().filter { $0.pool != nil }) { server, json in
            json.member("database", server.database)
            json.member("server", server.name)
            json.member("address", server.address)
            guard let pool = server.pool else { return }
            json.member("limit", pool.limit)
            json.member("size", pool.size)
            json.member("leased", pool.leased)
            json.member("idle", pool.idle)
            json.member("waiting", pool.waiting)
            json.member("tenants", pool.tenants)
            json.member("oldestWaitMilliseconds", pool.oldestWait.map { $0.inMilliseconds })
        }
    }

    private static func reply(
        _ servers: [DatabaseServer], _ write: (DatabaseServer, inout JSONWriter) -> Void
    ) -> Reply {
        var json = JSONWriter(capacity: 64 + 256 * servers.count)
        json.object { json in
            json.member(
                "data", array: { list in for server in servers { list.object { write(server, &$0) } } })
        }
        return .json(.ok, bytes: json.bytes)
    }
}
