import StrictJSON

/// The description as one page to read: complete without a script; with one it can be filtered and its colors chosen.
struct DocsPage {
    private let document: OpenAPIDocument
    private let operations: [DocsOperation]

    init(_ document: OpenAPIDocument) {
        self.document = document
        operations = DocsOperation.all(document)
    }

    var html: HTML {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8">
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <meta name="color-scheme" content="light dark">
        <title>\(title) API</title>
        <style>\(HTML(stringLiteral: DocsStyle.css))</style>
        </head>
        <body>
        <a class="skip" href="#content">Skip to the content</a>
        <header class="top">
        <p class="brand"><strong>\(title)</strong> <span>API \(info["version"]?.string ?? "")</span></p>
        <label class="filter" hidden><span>Filter</span>
        <input type="search" id="filter" placeholder="Filter (press /)" autocomplete="off" spellcheck="false"></label>
        <p class="tools"><a href="/openapi.json">openapi.json</a>
        <button type="button" id="theme" hidden>Dark</button></p>
        </header>
        <nav aria-label="Operations">\(groups.map(links).joined())\(schemaLinks)</nav>
        <main id="content" tabindex="-1">
        <section class="intro"><h1>\(title)</h1><p class="lead">\(info["summary"]?.string ?? "")</p>
        \(DocsMarkdown.html(info["description"]?.string))</section>
        <p id="found" role="status" aria-live="polite"></p>
        \(groups.map(section).joined())
        <section aria-labelledby="schemas"><h2 id="schemas">Schemas</h2>\(DocsSchema(document: document).all)</section>
        </main>
        <script>\(HTML(stringLiteral: DocsScript.js))</script>
        </body>
        </html>
        """
    }

    private var info: JSONObject { document.root["info"]?.object ?? [:] }
    private var title: String { info["title"]?.string ?? "" }

    private struct Group {
        var name: String
        var description: String?
        var operations: [DocsOperation]
        var anchor: String { "tag-\(name)" }
    }

    private var groups: [Group] {
        (document.root["tags"]?.array ?? []).compactMap { tag in
            guard let name = tag.object?["name"]?.string else { return nil }
            return Group(
                name: name, description: tag.object?["description"]?.string,
                operations: operations.filter { $0.tags.contains(name) })
        }
    }

    private func links(_ group: Group) -> HTML {
        let items = group.operations.map {
            """
            <li data-find="\($0.searchText)"><a href="#\($0.id)"><span class="method \($0.method)">\
            \($0.method.uppercased())</span> \($0.summary)</a></li>
            """ as HTML
        }
        return """
            <section><h2><a href="#\(group.anchor)">\(group.name)</a></h2><ul>\(items.joined())</ul></section>
            """
    }

    private var schemaLinks: HTML {
        let items = document.components("schemas").names.map {
            "<li data-find=\"\($0.lowercased())\"><a href=\"#schema-\($0)\">\($0)</a></li>" as HTML
        }
        return "<section><h2><a href=\"#schemas\">Schemas</a></h2><ul>\(items.joined())</ul></section>"
    }

    private func section(_ group: Group) -> HTML {
        """
        <section aria-labelledby="\(group.anchor)"><h2 id="\(group.anchor)">\(group.name)</h2>
        <p class="lead">\(group.description ?? "")</p>\(group.operations.map(\.html).joined())</section>
        """
    }
}
