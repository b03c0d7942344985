import Foundation
import HTTPTypes
import StrictJSON
import Testing

@testable import PantryHTTP

/// The published description, compared with the routes that the server has.
@Suite("The API's description", .timeLimit(.minutes(2)))
struct OpenAPIDescriptionTests {
    @Test("the binary carries openapi/pantry-v1.yaml; if not, run scripts/embed-openapi")
    func embedded() throws {
        let file = PackageFiles.root.appendingPathComponent("openapi/pantry-v1.yaml")
        // Two texts of this length are of no use in a message.
        let isSame = OpenAPIText.yaml == (try String(contentsOf: file, encoding: .utf8))
        #expect(isSame)
    }

    @Test("every route is described, and every description is served")
    func routes() async throws {
        let described = Set(try Described.operations().map(\.label))
        try await withPantry { pantry in
            let served = Set(try pantry.routeEntries().map(\.label))
            #expect(served.subtracting(described).sorted() == [], "served, but not described")
            #expect(described.subtracting(served).sorted() == [], "described, but not served")
            #expect(served.count > 30)
        }
    }

    @Test("parameters, credentials, media types and refusals are those of the routes")
    func details() async throws {
        let described = Dictionary(uniqueKeysWithValues: try Described.operations().map { ($0.label, $0) })
        try await withPantry { pantry in
            for entry in try pantry.routeEntries() {
                guard let operation = described[entry.label] else { continue }
                let (route, place) = (entry.route, Comment(rawValue: entry.label))
                #expect(operation.parameters(in: "path") == entry.parameterNames, place)
                #expect(operation.security == Described.security(route.access), place)
                #expect(Set(operation.mediaTypes) == Set(route.bodyKinds), place)
                var statuses: Set<String> = ["400", "500", "default"]
                if route.access != .open { statuses.formUnion(["401", "403"]) }
                if entry.waitsForReadiness { statuses.insert("503") }
                if !route.bodyKinds.isEmpty { statuses.insert("413") }
                // Any kind of body is taken as it is.
                if !route.bodyKinds.isEmpty, route.bodyKinds != Route.anyBody { statuses.formUnion(["415", "422"]) }
                if !entry.parameterNames.isEmpty { statuses.insert("404") }
                #expect(statuses.subtracting(operation.statuses).sorted() == [], place)
            }
        }
    }

    @Test("a route requires Idempotency-Key exactly where it is described as required")
    func idempotencyKeys() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            for operation in try Described.operations() {
                let isRequired = operation.isRequired("Idempotency-Key")
                guard operation.method != "GET", operation.security != "",
                    operation.path.hasPrefix("/v1") || operation.path.hasPrefix("/ops")
                else {
                    #expect(isRequired == nil)
                    continue
                }
                let client = operation.security == "OperatorToken" ? pantry.asOperator : admin
                let body = operation.mediaTypes.isEmpty ? nil : "[]"
                let reply = try await client.send(operation.method, operation.examplePath, body)
                let place = Comment(rawValue: "\(operation.label): \(reply.response.body)")
                #expect(reply.status >= 400, place)
                #expect((reply.code == "idempotency-key-required") == isRequired, place)
            }
        }
    }

    /// Writes passed over what they did not know: `?dryRun=true` deleted.
    @Test("a path takes exactly the query parameters that are described")
    func queries() async throws {
        try await withPantry { pantry in
            let admin = try await pantry.organization()
            var count = 0
            for operation in try Described.operations() where operation.security != "" {
                let isJSON = operation.mediaTypes.isEmpty || operation.mediaTypes.contains("application/json")
                guard isJSON else { continue }
                let client = operation.security == "OperatorToken" ? pantry.asOperator : admin
                let reply = try await client.send(
                    operation.method, operation.examplePath + "?nonsense=1", operation.mediaTypes.isEmpty ? nil : "{}")
                let detail = try reply.text("detail")
                let list = try #require(detail.firstRange(of: "this path takes: "), "\(operation.label): \(detail)")
                let names = detail[list.upperBound...].dropLast().split(separator: ", ").map(String.init)
                    .filter { $0 != "none" }
                #expect(names.sorted() == operation.parameters(in: "query").sorted(), "\(operation.label)")
                count += 1
            }
            #expect(count > 30)
        }
    }
}

extension TestPantry {
    func routeEntries() throws -> [RouteTable.Entry] {
        try RouteTable(PantryRoutes.all(services, state: routesState)).entries
    }
}

extension RouteTable.Entry {
    var label: String { "\(route.method.rawValue) \(route.pattern)" }
}

enum PackageFiles {
    static let root: URL = {
        var folder = URL(fileURLWithPath: #filePath)
        while !FileManager.default.fileExists(atPath: folder.appendingPathComponent("Package.swift").path) {
            folder.deleteLastPathComponent()
        }
        return folder
    }()
}

/// An operation of the description.
struct Described {
    var operation: DocsOperation

    static func operations() throws -> [Described] {
        DocsOperation.all(try OpenAPIContent.document.get()).map { Described(operation: $0) }
    }

    var method: String { operation.method.uppercased() }
    var path: String { operation.path }
    var label: String { "\(method) \(path)" }
    var statuses: [String] { operation.responses.map(\.status) }
    var mediaTypes: [String] { operation.requestBody?["content"]?.object?.names ?? [] }

    func parameters(in place: String) -> [String] {
        operation.parameters.filter { $0["in"]?.string == place }.compactMap { $0["name"]?.string }
    }

    /// nil when there is no such parameter.
    func isRequired(_ name: String) -> Bool? {
        let parameter = operation.parameters.first { $0["name"]?.string == name }
        return parameter.map { $0["required"] == true }
    }

    /// A path that a route accepts, of things that are not there.
    var examplePath: String {
        path.replacing("{sku}", with: "NOTHING").replacing("{key}", with: "key_01jd0000000000000000000000")
            .replacing("{name}", with: "payments").replacing(
                "/orders/{id}", with: "/orders/ord_01jd0000000000000000000000"
            )
            .replacing("/keys/{id}", with: "/keys/key_01jd0000000000000000000000")
            .replacing("/organizations/{id}", with: "/organizations/org_01jd0000000000000000000000")
    }

    /// `ApiKey read`, `OperatorToken`, or nothing.
    var security: String {
        (operation.object["security"]?.array ?? []).flatMap { $0.object?.members ?? [] }.map { scheme, roles in
            ([scheme] + (roles.array ?? []).compactMap(\.string)).joined(separator: " ")
        }.joined(separator: ", ")
    }

    static func security(_ access: Access) -> String {
        switch access {
        case .open: ""
        case .operatorOnly: "OperatorToken"
        case .organization(let role): "ApiKey \(role)"
        }
    }
}
