import Determinism
import HTTPTypes
import PantryDomain

/// An organization's own API keys.
struct KeyRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/keys", .organization(.admin), answering: create),
            Route(.get, "/v1/keys", .organization(.admin), answering: list),
            // Whoever sends a flood may do it with this key.
            Route(.delete, "/v1/keys/{id}", .organization(.admin), answering: revoke).finishing(),
        ]
    }

    private func create(_ call: Call) async throws -> Reply {
        try Self.refuseSession(call)
        let request = try WriteRequest(call, key: .optional)
        let body = try KeyBody(request.body)
        let number = try call.organization().organizationNumber
        let kept = try await services.organizations.createKey(organization: number, role: body.role, key: request.key)
        return try services.answer(kept, ofControl: number)
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["limit", "cursor", "consistency"])
        try services.wish(call, query)
        let caller = try call.organization()
        return try await services.keys(of: caller.organizationNumber, call, query, owner: caller.organizationID)
    }

    /// A key has no end. Whoever got hold of a session, which has one, must not come to have a key by it.
    private static func refuseSession(_ call: Call) throws {
        guard try call.organization().session == nil else {
            throw Problem.forbidden("Keys are made and revoked with an API key of role admin, not in a session.")
        }
    }

    private func revoke(_ call: Call) async throws -> Reply {
        try Self.refuseSession(call)
        let id = try call.id("id", "key", APIKeyKind.self)
        let request = try WriteRequest(bodiless: call)
        let number = try call.organization().organizationNumber
        let kept = try await services.organizations.revokeKey(organization: number, id: id, key: request.key)
        return try services.answer(kept, ofControl: number)
    }
}

extension PantryServices {
    /// What a write about an organization in the control database came to, whoever has sent it.
    func answer(_ kept: KeyedAnswer, ofControl number: Int64) throws -> Reply {
        try WriteAnswer.reply(kept.answer, isReplay: kept.isReplay, token: try tokens.tokenOfControl(number))
    }

    /// A page of an organization's keys, for itself or for the operator.
    func keys(of number: Int64, _ call: Call, _ query: QueryReader, owner: String) async throws -> Reply {
        let (limit, scope) = (try PageLimit.read(query), scope(call, owner: owner))
        let after = try scope.position(query).map { text throws(Problem) in
            guard let id = APIKeyID(text) else { throw ListScope.invalid }
            return id
        }
        return ReadAnswer.reply(
            try await organizations.keys(organization: number, after: after, limit: limit), scope)
    }
}
