import Crypto
import Foundation
import StrictJSON
import Testing

@testable import PantryHTTP

/// `/openapi.json` and `/docs` as they are served.
@Suite("The description as it is served", .timeLimit(.minutes(2)))
struct OpenAPIPageTests {
    @Test("both need no credentials, and are not sent again to who has them", arguments: ["/openapi.json", "/docs"])
    func conditional(path: String) async throws {
        try await withPantry(isReady: false) { pantry in
            let nobody = pantry.client(nil)
            let first = try await nobody.get(path)
            #expect(first.status == 200)
            #expect(first.header("Cache-Control") == "no-cache")
            #expect(first.header("X-Content-Type-Options") == "nosniff")
            try expectDescribed(first, on: path)
            let tag = try #require(first.header("ETag"))
            for condition in [tag, "W/\(tag)", "\"other\", \(tag)", "*"] {
                let again = try await nobody.get(path, headers: ["If-None-Match: \(condition)"])
                #expect(again.status == 304, "\(condition)")
                try expectDescribed(again, on: path)
                #expect(again.response.body.isEmpty)
                #expect(again.header("ETag") == tag)
                #expect(again.header("Content-Type") == nil)
            }
            for condition in ["\"other\"", tag.replacing("\"", with: ""), ""] {
                let again = try await nobody.get(path, headers: ["If-None-Match: \(condition)"])
                #expect(again.status == 200, "\(condition)")
                #expect(again.response.body == first.response.body)
            }
        }
    }

    /// The answer has every field that is described as required for its status, and none that is not described.
    private func expectDescribed(_ reply: PantryReply, on path: String) throws {
        let document = try OpenAPIContent.document.get()
        let answers = document.root["paths"]?.object?[path]?.object?["get"]?.object?["responses"]?.object
        let answer = document.resolved(try #require(answers?["\(reply.status)"])).object
        let described = try #require(answer?["headers"]?.object).members
        let names = Set(described.map { $0.name.lowercased() })
        let required = described.filter { document.resolved($0.value).object?["required"] == true }
        // These are HTTP's own, and the media type stands with the content.
        let own: Set = ["content-type", "content-length", "connection"]
        let sent = Set(reply.response.headers.map { $0.name.lowercased() }).subtracting(own)
        #expect(sent.subtracting(names).sorted() == [], "sent, but not described")
        #expect(Set(required.map { $0.name.lowercased() }).subtracting(sent).sorted() == [], "required, but not sent")
    }

    @Test("the JSON says what the YAML says")
    func json() async throws {
        try await withPantry { pantry in
            let reply = try await pantry.client(nil).get("/openapi.json")
            #expect(reply.header("Content-Type") == "application/json")
            let document = try OpenAPIContent.document.get()
            #expect(reply.document == .object(document.root))
            #expect(reply["openapi"] == "3.1.0")
            // A version is a text and a limit is a number, however they look.
            #expect(reply["info.version"]?.string != nil)
            #expect(reply["components.schemas.Quantity.maximum"] == 1_000_000_000)
            #expect(reply["components.parameters.RequiredIdempotencyKey.required"] == true)
        }
    }

    @Test("the page runs its own style and script, and nothing else")
    func policy() async throws {
        try await withPantry { pantry in
            let page = try await pantry.client(nil).get("/docs")
            #expect(page.header("Content-Type") == "text/html; charset=utf-8")
            let policy = try #require(page.header("Content-Security-Policy"))
            let body = page.response.body
            for (element, directive) in [("style", "style-src"), ("script", "script-src")] {
                let parts = body.split(separator: "<\(element)>", omittingEmptySubsequences: false)
                try #require(parts.count == 2)
                let content = try #require(parts[1].firstRange(of: "</\(element)>")).lowerBound
                let digest = Data(SHA256.hash(data: Array(parts[1][..<content].utf8))).base64EncodedString()
                #expect(policy.contains("\(directive) 'sha256-\(digest)'"))
            }
            #expect(policy.hasPrefix("default-src 'none'; "))
            #expect(!policy.contains("unsafe"))
            // Neither what a policy would stop nor what would need the network.
            for mark in ["style=\"", "onclick", "<img", "<link", "src=\"", "@import", "url("] {
                #expect(!body.contains(mark), "\(mark)")
            }
        }
    }

    @Test("every operation and every schema is there to read without a script")
    func content() async throws {
        try await withPantry { pantry in
            let body = try await pantry.client(nil).get("/docs").response.body
            let operations = try Described.operations()
            for described in operations {
                let id = described.operation.id
                #expect(body.contains("<article class=\"operation\" id=\"\(id)\""), "\(id)")
                #expect(body.contains("<a href=\"#\(id)\">"), "\(id)")
            }
            #expect(body.ranges(of: "<pre class=\"curl\">").count == operations.count)
            for name in try OpenAPIContent.document.get().components("schemas").names {
                #expect(body.contains("id=\"schema-\(name)\""), "\(name)")
            }
            let targets = Set(body.matches(of: /\sid="([^"]+)"/).map { String($0.1) })
            let links = Set(body.matches(of: /href="#([^"]+)"/).map { String($0.1) })
            #expect(links.subtracting(targets).sorted() == [])
        }
    }

    @Test("texts are escaped, and the descriptions' markup is understood")
    func markup() {
        let text = "<b>&\"'"
        #expect(("\(text)" as HTML).text == "&lt;b&gt;&amp;&quot;&#39;")
        let description = "Two `code`\nlines **here**.\n\n- one\n  more\n- two <b>\n\nEnd."
        #expect(
            DocsMarkdown.html(description).text == "<p>Two <code>code</code> lines <strong>here</strong>.</p>"
                + "<ul><li>one more</li><li>two &lt;b&gt;</li></ul><p>End.</p>")
    }

    @Test("a quote in an example does not end the shell's")
    func quotes() throws {
        let yaml = """
            openapi: 3.1.0
            paths:
              /v1/x/{id}:
                parameters: [{name: id, in: path, required: true, example: a-1}]
                post:
                  operationId: x
                  security: [{ApiKey: [write]}]
                  requestBody: {content: {application/json: {example: {name: "it's"}}}}
                  responses: {}
            """
        let document = try OpenAPIDocument(yaml: yaml)
        let operation = try #require(DocsOperation.all(document).first)
        #expect(
            DocsCurl(document: document, operation: operation).text == """
                curl -sS -X POST 'http://127.0.0.1:8080/v1/x/a-1' \\
                  -H "Authorization: Bearer $KEY" \\
                  -H 'Content-Type: application/json' \\
                  -d '{ "name": "it'\\''s" }'
                """)
    }
}
