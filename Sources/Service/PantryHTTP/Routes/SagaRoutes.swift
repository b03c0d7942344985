import Determinism
import HTTPTypes
import Logging
import PantryDomain
import Sagas
import StrictJSON

/// Sagas for operators: who is stuck where, and the way out.
struct SagaRoutes {
    /// A route names no operator: there is one token.
    static let actor = "operator"
    let services: PantryServices

    var all: [Route] {
        [
            Route(.get, "/ops/sagas", .operatorOnly, answering: list),
            Route(.get, "/ops/sagas/{id}", .operatorOnly, answering: show),
            Route(.post, "/ops/sagas/{id}/retry", .operatorOnly) { try await direct($0, .retry) },
            Route(.post, "/ops/sagas/{id}/skip", .operatorOnly) { try await direct($0, .skip) },
            Route(.post, "/ops/sagas/{id}/force", .operatorOnly) { try await direct($0, .force) },
            Route(.post, "/ops/sagas/{id}/compensate", .operatorOnly) { try await direct($0, .compensate) },
            Route(.post, "/ops/sagas/{id}/cancel", .operatorOnly) { try await direct($0, .cancel) },
        ]
    }

    private func list(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["status", "definition", "organization", "limit", "cursor"])
        let status = try query.choice("status", SagaStateMachine.State.allCases)
        let definition = query["definition"]
        if let definition, !Self.isName(definition) {
            throw Problem.malformedRequest("definition must be 1 to 100 of A–Z a–z 0–9 . _ -.")
        }
        let organization = try query["organization"].map { text throws(Problem) in
            guard text.utf8.count <= 64, let id = OrganizationID(text) else {
                throw .malformedRequest("organization must be an organization's id, org_….")
            }
            return id
        }
        // Without one organization there is none whose token it would have to be.
        if organization == nil { try services.checkAnyToken(call) }
        let limit = try PageLimit.read(query)
        let filters = [status?.rawValue ?? "", definition ?? "", organization?.description ?? ""]
        let scope = services.scope(call, owner: Self.actor, filters: filters)
        let after = try scope.position(query).map { text throws(Problem) in
            guard let id = SagaID(text) else { throw ListScope.invalid }
            return id
        }
        let sagas = try await services.sagas.list(
            state: status, definition: definition, organization: organization, after: after, limit: limit)
        if let organization { try await services.confirmToken(call, of: organization) }
        var reply = ReadAnswer.reply(sagas.page, scope, unreachable: sagas.unreachable)
        // Of several shards nobody in particular has answered.
        reply.headers[.servedBy] = nil
        return reply
    }

    private static func isName(_ text: String) -> Bool {
        let bytes = text.utf8
        return (1...100).contains(bytes.count)
            && bytes.allSatisfy { byte in
                (48...57).contains(byte) || (65...90).contains(byte & 0xDF) || [45, 46, 95].contains(byte)
            }
    }

    private func show(_ call: Call) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        let id = try call.id("id", "saga", SagaKind.self)
        let shown = try await services.sagas.show(id)
        try await services.confirmToken(call, of: shown.organization)
        return ReadAnswer.reply(shown.served)
    }

    private func direct(_ call: Call, _ verb: SagaDirective.Verb) async throws -> Reply {
        let request = try WriteRequest(call, key: .optional)
        let id = try call.id("id", "saga", SagaKind.self)
        let body = try SagaDirectionBody(request.body, verb)
        let (kept, context) = try await services.sagas.direct(
            id, verb, step: body.step, by: Self.actor, because: body.reason, key: request.key,
            traceparent: call.traceparent)
        if !kept.isReplay {
            call.logger.notice("a saga was directed", metadata: ["saga": "\(id)", "verb": "\(verb.rawValue)"])
        }
        return try WriteAnswer.reply(
            kept.answer, isReplay: kept.isReplay, token: try services.tokens.token(context))
    }
}
