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

extension LocalAdministration {
    func sagas(_ wanted: WantedSagas) async throws -> [JSONValue] {
        let organization = try wanted.organization.map { try organizationID($0) }
        var (all, after): ([JSONValue], SagaID?) = ([], nil)
        while true {
            let page = try await sagas.list(
                state: wanted.status, definition: wanted.definition, organization: organization, after: after,
                limit: min(100, wanted.limit - all.count))
            all += try page.items.map(parsed)
            guard let next = page.next, all.count < wanted.limit else { return all }
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
    func sagas(_ wanted: WantedSagas) async throws -> [JSONValue] {
        var filters = ""
        for (name, value) in [
            ("status", wanted.status?.rawValue), ("definition", wanted.definition),
            ("organization", wanted.organization),
        ] {
            if let value { filters += "&\(name)=\(escaped(value))" }
        }
        return try await list("/ops/sagas", filters: filters, limit: wanted.limit)
    }
    func saga(_ id: String) async throws -> JSONValue { try await call(.GET, "/ops/sagas/\(escaped(id))") }
    func direct(_ saga: String, _ verb: SagaDirective.Verb, step: String?, reason: String) async throws -> JSONValue {
        try await call(
            .POST, "/ops/sagas/\(escaped(saga))/\(verb.rawValue)", Self.directionBody(step: step, reason: reason))
    }
}
