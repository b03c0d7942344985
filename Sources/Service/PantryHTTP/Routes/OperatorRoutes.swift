import Determinism
import HTTPTypes
import PantryDomain

/// What the command line does for an operator with any organization's keys.
struct OperatorRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/ops/organizations/{id}/keys", .operatorOnly, answering: createKey),
            Route(.get, "/ops/organizations/{id}/keys", .operatorOnly, answering: listKeys),
            Route(.delete, "/ops/organizations/{id}/keys/{key}", .operatorOnly, answering: revokeKey),
        ]
    }

    private func createKey(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "organization", OrganizationKind.self)
        let request = try WriteRequest(call, key: .optional)
        let body = try KeyBody(request.body)
        let number = try await services.organizations.number(of: id)
        let kept = try await services.organizations.createKey(organization: number, role: body.role, key: request.key)
        return try services.answer(kept, ofControl: number)
    }

    private func listKeys(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "organization", OrganizationKind.self)
        let query = try QueryReader(call.query, known: ["limit", "cursor"])
        let number = try await services.organizations.number(of: id)
        try services.token(call, of: number)
        return try await services.keys(of: number, call, query, owner: "operator")
    }

    private func revokeKey(_ call: Call) async throws -> Reply {
        let id = try call.id("id", "organization", OrganizationKind.self)
        let key = try call.id("key", "key", APIKeyKind.self)
        let request = try WriteRequest(bodiless: call)
        let number = try await services.organizations.number(of: id)
        let kept = try await services.organizations.revokeKey(organization: number, id: key, key: request.key)
        return try services.answer(kept, ofControl: number)
    }
}
