import HTTPTypes
import PantryDomain
import StrictJSON

/// Turns what was read into replies.
enum ReadAnswer {
    static func reply(_ served: Served) -> Reply {
        .json(.ok, served.document, headers: [.servedBy: served.servedBy])
    }

    /// `{"data": […], "page": {"nextCursor": …, "hasMore": …}}`
    /// - Parameter unreachable: the shards whose items are missing, as one more member; nil where that cannot be.
    static func reply(_ page: Page, _ scope: ListScope, unreachable: [String]? = nil) -> Reply {
        let next = page.next.map(scope.cursor(after:))
        let size = page.items.reduce(128) { $0 + $1.utf8.count + 1 }
        var json = JSONWriter(capacity: size)
        json.object { json in
            json.member(
                "data",
                array: { list in
                    for item in page.items { list.value(raw: item) }
                })
            json.member(
                "page",
                object: { json in
                    json.member("nextCursor", next)
                    json.member("hasMore", next != nil)
                })
            if let unreachable {
                json.member("unreachable", array: { list in for name in unreachable { list.value(name) } })
            }
        }
        return .json(.ok, bytes: json.bytes, headers: [.servedBy: page.servedBy])
    }
}
