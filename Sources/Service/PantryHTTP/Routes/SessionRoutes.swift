import Determinism
import HTTPTypes
import PantryDomain

/// Sessions: made with a key or another session, shown to themselves and ended by themselves.
struct SessionRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/sessions", .organization(.write), answering: create),
            Route(.get, "/v1/sessions/current", .organization(.read), answering: show),
            // Whoever sends a flood may do it in this session.
            Route(.delete, "/v1/sessions/current", .organization(.read), answering: end).finishing(),
        ]
    }

    private func create(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(call, key: .optional)
        let body = try SessionBody(request.body)
        let caller = try call.organization()
        guard AccessRole(body.role) <= caller.role else {
            throw Problem.forbidden(
                "A session's role is at most that of the credentials that make it; these have \(caller.role).")
        }
        let context = try await services.context(call)
        let session = SessionRequest(
            subject: body.subject, role: body.role, attributes: body.attributes, latestEnd: caller.session?.expiresAt)
        // A session's end depends on who makes it: the answer that one was given is no other's.
        let key = caller.session.map { maker in request.key?.saying(maker.id.description) } ?? request.key
        let kept = try await services.sessions.create(session, key: key, in: context)
        let token = try services.tokens.token(context)
        if let made = services.sessions.reference(of: kept.answer.document, context.number) {
            await services.note(token, of: made)
        }
        return try WriteAnswer.reply(kept.answer, isReplay: kept.isReplay, token: token)
    }

    private func show(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["consistency"])
        let wish = try services.wish(call, query)
        let session = try session(call)
        guard let organization = OrganizationID(try call.organization().organizationID) else { throw Problem.internal }
        if wish == .strong || wish == nil && call.headers[.consistencyToken] != nil {
            guard let (record, servedBy) = try await services.sessions.stored(session) else { throw Self.ended }
            return ReadAnswer.reply(Served(document: record.document(of: organization), servedBy: servedBy))
        }
        guard let (record, age) = try await services.sessions.current(session) else { throw Self.ended }
        return ReadAnswer.reply(
            Served(
                document: record.document(of: organization),
                servedBy: "session-cache; lag=\(age.inMilliseconds + 1)ms"))
    }

    private func end(_ call: Call) async throws -> Reply {
        let request = try WriteRequest(bodiless: call)
        let session = try session(call)
        let context = try await services.context(call)
        // All sessions end at one path: a key that has ended one must not seem to have ended another.
        let key = request.key?.saying(session.id.description)
        let kept = try await services.sessions.end(session, key: key, in: context)
        return try WriteAnswer.reply(
            kept.answer, isReplay: kept.isReplay, token: try services.tokens.token(context))
    }

    private func session(_ call: Call) throws -> SessionReference {
        guard let session = try call.organization().session else {
            throw Problem.notFound("These credentials are an API key, which has no session; show a session's token.")
        }
        return session
    }

    /// Between its authentication and now.
    private static let ended = Problem.unauthorized("The session has ended.")
}
