import Foundation
import StrictJSON
import Testing

@testable import PantryHTTP

/// The codes of problems, compared with those that the sources make.
@Suite("The description's problems")
struct OpenAPIProblemTests {
    /// A status and a code, such as `409 out-of-stock`.
    typealias Pair = String

    @Test("every code of the sources is described with its status, and the other way round")
    func codes() throws {
        let made = try Self.pairsOfTheSources()
        let described = try Self.pairsOfTheSchema()
        #expect(made.subtracting(described).sorted() == [], "made, but not described")
        #expect(described.subtracting(made).sorted() == [], "described, but not made")
        #expect(made.count > 20)
    }

    @Test("every code stands with an answer, and with its own status")
    func answers() throws {
        let described = try Self.pairsOfTheSchema()
        var used: Set<Pair> = []
        for operation in DocsOperation.all(try OpenAPIContent.document.get()) {
            for (status, response) in operation.responses {
                let media = response["content"]?.object?["application/problem+json"]?.object
                let codes = DocsSchema(document: operation.document).codes(media?["schema"] ?? .null)
                if media != nil { #expect(!codes.isEmpty, "\(operation.id) \(status)") }
                for code in codes {
                    let pairs = described.filter { $0.hasSuffix(" \(code)") }
                    #expect(pairs.count == 1, "\(operation.id) \(status): \(code)")
                    if status != "default" { #expect(pairs.contains("\(status) \(code)"), "\(operation.id)") }
                    used.formUnion(pairs)
                }
            }
        }
        #expect(used == described)
    }

    @Test("the codes of wrong fields occur in the sources")
    func fieldCodes() throws {
        let schema = try OpenAPIContent.document.get().components("schemas")["FieldError"]
        let codes = schema?.object?["properties"]?.object?["code"]?.object?["enum"]?.array?.compactMap(\.string) ?? []
        let sources = try Self.sources("Sources/Service/PantryHTTP", "Sources/Domain/PantryDomain").joined()
        #expect(codes.filter { !sources.contains("\"\($0)\"") } == [])
        #expect(codes.count > 15)
        #expect(codes == codes.sorted())
    }

    // MARK: The two sides

    private static func pairsOfTheSchema() throws -> Set<Pair> {
        let problem = try OpenAPIContent.document.get().components("schemas")["Problem"]?.object
        var pairs: Set<Pair> = []
        for choice in problem?["oneOf"]?.array ?? [] {
            let properties = choice.object?["properties"]?.object
            let status = try #require(properties?["status"]?.object?["const"]?.integer)
            let code = try #require(properties?["code"]?.object)
            for code in code["enum"]?.array ?? [code["const"] ?? .null] {
                let pair = "\(status) \(try #require(code.string))"
                #expect(pairs.insert(pair).inserted, "\(pair) twice")
            }
        }
        return pairs
    }

    /// The literals with which problems are made. New ones are found wherever they stand.
    private static func pairsOfTheSources() throws -> Set<Pair> {
        let statuses = [
            "badRequest": 400, "unauthorized": 401, "forbidden": 403, "notFound": 404, "methodNotAllowed": 405,
            "requestTimeout": 408, "conflict": 409, "contentTooLarge": 413, "uriTooLong": 414,
            "unsupportedMediaType": 415, "expectationFailed": 417, "unprocessableContent": 422,
            "tooManyRequests": 429, "requestHeaderFieldsTooLarge": 431, "internalServerError": 500,
            "serviceUnavailable": 503, "httpVersionNotSupported": 505,
        ]
        var pairs: Set<Pair> = []
        for text in try sources("Sources/Service/PantryHTTP") {
            for match in text.matches(of: /status:\s*\.(\w+),\s*code:\s*"([a-z-]+)"/) {
                pairs.insert("\(try #require(statuses[String(match.1)])) \(match.2)")
            }
            for match in text.matches(of: /\(\s*\.(\w+),\s*"([a-z-]+)",\s*"[A-Z]/) {
                pairs.insert("\(try #require(statuses[String(match.1)])) \(match.2)")
            }
            for match in text.matches(of: /code: (\d+), reasonPhrase: "[^"]*"\),\s*"([a-z-]+)"/) {
                pairs.insert("\(match.1) \(match.2)")
            }
        }
        return pairs
    }

    private static func sources(_ folders: String...) throws -> [String] {
        try folders.flatMap { folder -> [String] in
            let place = PackageFiles.root.appendingPathComponent(folder)
            let files = FileManager.default.enumerator(at: place, includingPropertiesForKeys: nil)
            return try (files?.compactMap { $0 as? URL } ?? [])
                .filter { $0.pathExtension == "swift" && $0.lastPathComponent != "OpenAPIText.swift" }
                .map { try String(contentsOf: $0, encoding: .utf8) }
        }
    }
}
