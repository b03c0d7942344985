import Determinism
import NIOHTTP1
import PantryDomain
import PantryHTTP
import Sagas
import StrictJSON

/// Which sagas a listing wants.
struct WantedSagas: Sendable {
    var status: SagaStateMachine.State?
    var definition: String?
    var organization: String?
    /// At most so many, the youngest.
    var limit: Int
}

/// Sagas, and the shards that could not be asked for theirs.
struct ListedSagas: Sendable {
    var sagas: [JSONValue] = []
    var unreachable: Set<String> = []

    /// Whoever looks at the list must not take it for all there is.
    func check() throws(CommandFailure) {
        if unreachable.isEmpty { return }
        let names = unreachable.sorted().joined(separator: ", ")
        throw CommandFailure(.unavailable, "these shards cannot be reached, and their sagas are not shown: \(names)")
    }
}

extension LocalAdministration {
    func sagas(_ wanted: WantedSagas) async throws -> ListedSagas {
        let organization = try wanted.organization.map { try organizationID($0) }
        var (listed, after): (ListedSagas, SagaID?) = (ListedSagas(), nil)
        while true {
            let list = try await sagas.list(
                state: wanted.status, definition: wanted.definition, organization: organization, after: after,
                limit: min(100, wanted.limit - listed.sagas.count))
            listed.sagas += try list.page.items.map(parsed)
            listed.unreachable.formUnion(list.unreachable)
            guard let next = list.page.next, listed.sagas.count < wanted.limit else { return listed }
            after = SagaID(next)
        }
    }
    func saga(_ id: String) async throws -> JSONValue {
        try parsed(try await sagas.show(try sagaID(id)).served.document)
    }
    func direct(_ saga: String, _ verb: SagaDirective.Verb, step: String?, reason: String) async throws -> JSONValue {
        let body = try SagaDirectionBody(Self.directionBody(step: step, reason: reason), verb)
        return try parsed(
            try await sagas.direct(
                try sagaID(saga), verb, step: body.step, by: "operator", because: body.reason, key: nil
            ).kept.answer.document)
    }
    private func sagaID(_ text: String) throws -> SagaID {
        guard let id = SagaID(text) else { throw Refusal.notFound("there is no saga “\(text)”") }
        return id
    }
}

extension RemoteAdministration {
    func sagas(_ wanted: WantedSagas) async throws -> ListedSagas {
        var filters = ""
        for (name, value) in [
            ("status", wanted.status?.rawValue), ("definition", wanted.definition),
            ("organization", wanted.organization),
        ] {
            if let value { filters += "&\(name)=\(escaped(value))" }
        }
        var unreachable: Set<String> = []
        let sagas = try await list("/ops/sagas", filters: filters, limit: wanted.limit) { page in
            // A server of an earlier version answers with all or nothing.
            unreachable.formUnion((page.object?["unreachable"]?.array ?? []).compactMap(\.string))
        }
        return ListedSagas(sagas: sagas, unreachable: unreachable)
    }
    func saga(_ id: String) async throws -> JSONValue { try await call(.GET, "/ops/sagas/\(escaped(id))") }
    func direct(_ saga: String, _ verb: SagaDirective.Verb, step: String?, reason: String) async throws -> JSONValue {
        try await call(
            .POST, "/ops/sagas/\(escaped(saga))/\(verb.rawValue)", Self.directionBody(step: step, reason: reason))
    }
}
