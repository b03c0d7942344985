import AsyncHTTPClient
import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import PantryHTTP
import Sagas
import Storage
import StrictJSON

/// Organizations and keys from the command line: through the running server when the configuration's address answers,
/// else on the databases themselves. Each verb answers with the JSON that the server would give.
protocol Administration: Sendable {
    func createOrganization(name: String, plan: String?, region: String?) async throws -> JSONValue
    func organizations() async throws -> [JSONValue]
    func organization(_ id: String) async throws -> JSONValue
    func setPlan(_ id: String, plan: String) async throws -> JSONValue
    func createKey(_ organization: String, role: Role) async throws -> JSONValue
    func keys(_ organization: String) async throws -> [JSONValue]
    func revokeKey(_ organization: String, _ key: String) async throws
    func importProducts(
        _ organization: String, _ format: ImportFormat, key: String?, from parts: InputFileParts
    ) async throws -> ImportReport
    func sagas(_ wanted: WantedSagas) async throws -> ListedSagas
    func saga(_ id: String) async throws -> JSONValue
    func direct(_ saga: String, _ verb: SagaDirective.Verb, step: String?, reason: String) async throws -> JSONValue
}

extension Administration {
    /// The body of `POST /v1/organizations`.
    static func organizationBody(name: String, plan: String?, region: String?) -> JSONValue {
        var body = JSONObject()
        body["name"] = .string(name)
        if let plan { body["plan"] = .string(plan) }
        if let region { body["region"] = .string(region) }
        return .object(body)
    }

    /// The body of `POST /ops/sagas/{id}/VERB`.
    static func directionBody(step: String?, reason: String) -> JSONValue {
        var body = JSONObject()
        if let step { body["step"] = .string(step) }
        body["reason"] = .string(reason)
        return .object(body)
    }
}

enum Administrations {
    /// Runs `body` with whatever can reach the data.
    static func use<Value: Sendable>(
        _ configuration: PantryConfiguration, _ body: @escaping @Sendable (any Administration) async throws -> Value
    ) async throws -> Value {
        if let remote = try await RemoteAdministration.find(configuration) { return try await body(remote) }
        let installation = try await Installation.open(
            configuration, environment: [:], time: SystemTime(), random: SystemRandom(),
            logger: Logger(label: "pantry") { _ in SwiftLogNoOpLogHandler() })
        return try await installation.run {
            try await body(
                LocalAdministration(
                    organizations: installation.organizations, sagas: installation.sagas, time: installation.time))
        }
    }
}

/// The databases themselves.
struct LocalAdministration: Administration {
    let organizations: OrganizationService
    let sagas: SagaOperations
    let time: any TimeSource

    func createOrganization(name: String, plan: String?, region: String?) async throws -> JSONValue {
        // The same rules as over HTTP, whoever does the work.
        let body = try OrganizationBody(Self.organizationBody(name: name, plan: plan, region: region))
        return try parsed(
            try await organizations.create(name: body.name, plan: body.plan, region: body.region, key: nil).answer
                .document)
    }
    func organizations() async throws -> [JSONValue] {
        var (all, after): ([JSONValue], Int64?) = ([], nil)
        while true {
            let page = try await organizations.list(after: after, limit: 100)
            all += try page.items.map(parsed)
            guard let next = page.next else { return all }
            after = Int64(next)
        }
    }
    func organization(_ id: String) async throws -> JSONValue {
        try parsed(try await organizations.show(try organizationID(id)).document)
    }
    func setPlan(_ id: String, plan: String) async throws -> JSONValue {
        try parsed(try await organizations.setPlan(try organizationID(id), plan: plan, key: nil).answer.document)
    }
    func createKey(_ organization: String, role: Role) async throws -> JSONValue {
        let number = try await organizations.number(of: try organizationID(organization))
        return try parsed(try await organizations.createKey(organization: number, role: role, key: nil).answer.document)
    }
    func keys(_ organization: String) async throws -> [JSONValue] {
        let number = try await organizations.number(of: try organizationID(organization))
        var (all, after): ([JSONValue], APIKeyID?) = ([], nil)
        while true {
            let page = try await organizations.keys(organization: number, after: after, limit: 100)
            all += try page.items.map(parsed)
            guard let next = page.next else { return all }
            after = APIKeyID(next)
        }
    }
    func revokeKey(_ organization: String, _ key: String) async throws {
        let number = try await organizations.number(of: try organizationID(organization))
        guard let id = APIKeyID(key) else { throw Refusal.notFound("there is no key “\(key)”") }
        _ = try await organizations.revokeKey(organization: number, id: id, key: nil)
    }
    func importProducts(
        _ organization: String, _ format: ImportFormat, key: String?, from parts: InputFileParts
    ) async throws -> ImportReport {
        let id = try organizationID(organization)
        let order = ProductImport(
            organizations: organizations, organization: try await organizations.number(of: id), format: format,
            key: try key.map { try ImportKey.request(organization: id.description, format, key: $0) }, traceparent: nil,
            time: time, random: SystemRandom())
        var parts = parts
        do {
            return ImportReport(tally: try parsed(try await order.run(&parts).tally.document))
        } catch let stop as ImportStop {
            return ImportReport(tally: try parsed(stop.tally.document), fault: Problem(stop).detail)
        }
    }
    func organizationID(_ text: String) throws -> OrganizationID {
        guard let id = OrganizationID(text) else { throw Refusal.notFound("there is no organization “\(text)”") }
        return id
    }
    func parsed(_ document: String) throws -> JSONValue { try JSONReader.parse(document) }
}
