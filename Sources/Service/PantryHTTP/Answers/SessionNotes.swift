import HTTPTypes
import PantryDomain
import Storage

extension Route {
    /// The same route. What a session writes there is noted before it is answered, whatever the answer is, so that the
    /// session's reads see it on every server.
    func noting(in services: PantryServices) -> Route {
        guard case .organization = access else { return self }
        var route = self
        route.handler = { [handler] call in
            do {
                let reply = try await handler(call)
                await services.note(reply.headers, of: call)
                return reply
            } catch let problem as Problem {
                await services.note(problem, of: call)
                throw problem
            }
        }
        guard let streaming else { return route }
        route.streaming?.handler = { call, body in
            do {
                let reply = try await streaming.handler(call, &body)
                await services.note(reply.headers, of: call)
                return reply
            } catch let problem as Problem {
                await services.note(problem, of: call)
                throw problem
            }
        }
        return route
    }
}

extension PantryServices {
    /// How fresh a read in a session must be that does not say.
    func sessionConsistency(_ call: Call, _ context: TenantContext) async throws -> ReadConsistency {
        guard let session = call.principal?.organization?.session else { return .eventual }
        switch await sessions.positions.freshness(of: session) {
        case .any: return .eventual
        case .strong: return .strong
        // One that is not ours was put there by somebody else: no reason to trust, nor to refuse the client.
        case .token(let text) where !tokens.isKnown(text, of: context.number): return .strong
        case .token(let text): return try consistency(of: text, in: context)
        }
    }

    /// Notes a token for a session.
    func note(_ token: String, of session: SessionReference) async {
        guard let position = tokens.position(of: token, for: session.organization) else { return }
        await sessions.positions.note(position, of: session)
    }

    fileprivate func note(_ headers: HTTPFields, of call: Call) async {
        guard let session = call.principal?.organization?.session, let token = headers[.consistencyToken] else {
            return
        }
        await note(token, of: session)
    }

    fileprivate func note(_ problem: Problem, of call: Call) async {
        guard let session = call.principal?.organization?.session else { return }
        await note(problem.headers, of: call)
        // What a session had written was lost in a failover. A client drops a token of its own when it hears of that;
        // this one has no other way.
        if problem.code == "write-lost", call.headers[.consistencyToken] == nil {
            await sessions.positions.forget(session)
        }
    }
}
