import Determinism
import HTTPTypes
import PantryDomain
import StrictJSON

/// Product imports, by an organization and for one.
struct ImportRoutes {
    let services: PantryServices

    var all: [Route] {
        [
            Route(.post, "/v1/product-imports", .organization(.write)) { call, body in
                try await answer(call, try call.organization().organizationNumber, &body)
            },
            Route(.post, "/ops/organizations/{id}/product-imports", .operatorOnly) { call, body in
                let id = try call.id("id", "organization", OrganizationKind.self)
                return try await answer(call, try await services.organizations.number(of: id), &body)
            },
        ]
    }

    private func answer(_ call: Call, _ organization: Int64, _ body: inout BodyStream) async throws -> Reply {
        _ = try QueryReader(call.query, known: [])
        guard let format = call.headers[.contentType].flatMap({ ImportFormat(mediaType: $0) }) else {
            throw Problem.malformedRequest("This request takes products as its body, as NDJSON or CSV.")
        }
        let key = try IdempotencyHeader.key(in: call.headers, .optional).map {
            ImportKey.request(pattern: call.pattern, path: call.path, format, key: $0)
        }
        let order = ProductImport(
            organizations: services.organizations, organization: organization, format: format, key: key,
            traceparent: call.traceparent, time: services.time, random: services.random)
        let result: ImportResult
        do { result = try await order.run(&body) } catch let stop as ImportStop {
            var problem = Problem(stop)
            // What was imported before it stopped is to be seen by whoever asks for it next.
            if let context = stop.context, let token = try? services.tokens.token(context) {
                problem.headers[.consistencyToken] = token
            }
            throw problem
        }
        let context: TenantContext
        if let known = result.context { context = known } else { context = try await order.context() }
        let token = try services.tokens.token(context)
        return .json(
            .ok, result.tally.document, headers: WriteAnswer.headers(isReplay: result.isReplay, token: token))
    }
}

/// The idempotency keys of imports. The rows come too late to be part of the fingerprint; their digest is compared as
/// they come.
package enum ImportKey {
    static let operatorPattern = "/ops/organizations/{id}/product-imports"

    /// The key as the operator's route knows it, for whoever does its work without a server.
    package static func request(
        organization: String, _ format: ImportFormat, key: String
    ) throws -> RequestKey {
        let key = try IdempotencyHeader.key(in: [.idempotencyKey: key], .optional) ?? ""
        return request(
            pattern: operatorPattern, path: operatorPattern.replacing("{id}", with: organization), format, key: key)
    }

    static func request(pattern: String, path: String, _ format: ImportFormat, key: String) -> RequestKey {
        RequestKey(
            route: "POST \(pattern)", key: key,
            fingerprint: Digest.hexadecimal(Array("\(path)\n\(format.rawValue)".utf8)))
    }
}

extension Route {
    /// A route that takes products as NDJSON or CSV, and whose handler may throw the domain's refusals.
    fileprivate init(
        _ method: HTTPRequest.Method, _ pattern: String, _ access: Access,
        importing handler: @escaping Streaming.Handler
    ) {
        // The bytes are not kept, so that their size is no question of memory: some millions of products.
        self.init(
            method, pattern, access: access, bodyKinds: ImportFormat.mediaTypes, maxBody: 256 << 20,
            streaming: Streaming(stall: .seconds(30)) { call, body in
                do { return try await handler(call, &body) } catch let refusal as Refusal { throw Problem(refusal) }
            })
    }
}

extension Problem {
    /// Why an import stopped, and in `import` what had become of its rows by then.
    package init(_ stop: ImportStop) {
        switch stop.cause {
        case .refused(let refusal): self.init(refusal)
        case .problem(let problem): self = problem
        case .unreadable(let fault):
            self = .malformedRequest("Line \(fault.line): \(fault.detail)")
            extraMembers.append(ExtraMember("line", json: "\(fault.line)"))
        }
        let done = "Before that, \(stop.tally.imported) rows were imported and \(stop.tally.failed) were refused."
        // What another import under this key did is not of interest here.
        if case .refused(.keyReused) = stop.cause { return }
        if stop.tally != ImportTally() {
            detail = detail.map { "\($0) \(done)" } ?? done
            extraMembers.append(ExtraMember("import", json: stop.tally.document))
        }
    }
}
