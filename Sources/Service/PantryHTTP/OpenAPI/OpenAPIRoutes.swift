import Crypto
import HTTPTypes
import PantryDomain
import StrictJSON

/// The API's own description: for programs, and for people.
struct OpenAPIRoutes {
    var all: [Route] {
        [
            Route(.get, "/openapi.json", access: .open) { try OpenAPIContent.description.get().reply(to: $0) },
            Route(.get, "/docs", access: .open) { try OpenAPIContent.page.get().reply(to: $0) },
        ]
    }
}

/// What the routes serve, made at the first request for it: a start pays nothing.
enum OpenAPIContent {
    static let document = Result { try OpenAPIDocument(yaml: OpenAPIText.yaml) }

    static let description = document.map {
        ServedContent(Array(JSONValue.object($0.root).serialized().utf8), "application/json")
    }

    static let page = document.map { document in
        ServedContent(
            Array(DocsPage(document).html.text.utf8), "text/html; charset=utf-8",
            headers: [
                .contentSecurityPolicy: policy, .referrerPolicy: "no-referrer", .xFrameOptions: "DENY",
            ])
    }

    /// The page's own style and script by their digests, and nothing else from anywhere.
    private static let policy = [
        "default-src 'none'", "style-src 'sha256-\(digest(DocsStyle.css))'",
        "script-src 'sha256-\(digest(DocsScript.js))'", "base-uri 'none'", "form-action 'none'",
        "frame-ancestors 'none'",
    ].joined(separator: "; ")

    /// Base 64 as Content Security Policy compares it: with its own two signs, and padded.
    private static func digest(_ text: String) -> String {
        let digits = Base64URL.encode(SHA256.hash(data: Array(text.utf8)))
        return digits.replacing("-", with: "+").replacing("_", with: "/") + "="
    }
}

extension HTTPField.Name {
    static let referrerPolicy = HTTPField.Name("Referrer-Policy")!
    static let xFrameOptions = HTTPField.Name("X-Frame-Options")!
}
