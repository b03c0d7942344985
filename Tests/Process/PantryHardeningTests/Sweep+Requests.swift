import Foundation
import PantryTestKit
import StrictJSON

extension Sweep {
    /// The owner's own request for each route, without credentials.
    var ownRequests: [(route: String, request: PantryRequest)] {
        Self.routes.map { route in
            let parts = route.split(separator: " ")
            let path = parts[1].replacingOccurrences(of: "{sku}", with: "owned")
                .replacingOccurrences(of: "/v1/keys/{id}", with: "/v1/keys/\(keyID)")
                .replacingOccurrences(of: "organizations/{id}", with: "organizations/\(grocery.owner.id)")
                .replacingOccurrences(of: "{id}", with: order).replacingOccurrences(of: "{key}", with: keyID)
                // Without it, this is a stream, which does not end.
                .replacingOccurrences(of: "/v1/events", with: "/v1/events?wait=0")
            let body: JSONValue? =
                switch route {
                case "POST /v1/organizations": ["name": "X"]
                case "PATCH /v1/organizations/{id}": ["plan": "trial"]
                case "POST /v1/keys", "POST /ops/organizations/{id}/keys": ["role": "admin"]
                case "POST /v1/sessions": ["subject": "x", "role": "write"]
                case "POST /v1/products":
                    ["sku": "swept", "name": "X", "unitPrice": ["amount": 1, "currency": "USD"]]
                case "PATCH /v1/products/{sku}": ["name": "changed"]
                case "PUT /v1/stock/{sku}": ["onHand": 1]
                case "POST /v1/stock/{sku}/adjustments": ["delta": 1, "reason": "x"]
                case "POST /v1/orders", "POST /v1/orders/calculate": Grocery.order("owned")
                case "POST /v1/orders/{id}/refunds": ["reason": "x"]
                default: nil
                }
            let key = parts[0] == "GET" ? nil : "swept"
            let rows = "sku,name,amount,currency,category,onHand\nswept,X,1,USD,,1\n"
            return (
                route: route,
                request: PantryRequest(
                    String(parts[0]), path,
                    route.hasSuffix("/product-imports")
                        ? .bytes(Array(rows.utf8), type: "text/csv") : body.map { .json($0) }, idempotencyKey: key)
            )
        }
    }

    /// The stranger's attempts: every route with the owner's ids, cursors and tokens.
    var attempts: [Attempt] {
        ownRequests.flatMap { route, own -> [Attempt] in
            var request = own
            request.credential = grocery.stranger.apiKey
            switch Self.role(of: route) {
            case _ where Self.openRoutes.contains(route):
                // A provider that is not configured is nobody.
                return [Attempt(route: route, request: request, status: route.contains("{name}") ? 404 : 200)]
            case "operator":
                return [Attempt(route: route, request: request, status: 403, code: "forbidden")] + crossed(route, own)
            default: return attempts(route, request)
            }
        }
    }

    private func attempts(_ route: String, _ request: PantryRequest) -> [Attempt] {
        func with(_ path: String, _ headers: [String: String] = [:]) -> PantryRequest {
            var changed = request
            (changed.path, changed.headers) = (path, headers)
            return changed
        }
        let foreignToken = Attempt(
            route: route, request: with(request.path, ["Pantry-Consistency-Token": token]), status: 400,
            code: "malformed-request")
        switch route {
        case "GET /v1/organization": return [foreignToken]
        case "GET /v1/events":
            // Behind everything of the owner's, and of the stranger's own.
            return [Attempt(route: route, request: with("/v1/events?wait=0&after=999"), status: 200, isEmptyList: true)]
        case "GET /v1/orders", "GET /v1/products", "GET /v1/keys", "GET /v1/stock":
            return [foreignToken, foreignCursor(route, with(request.path), request.path)] + ownLists(route, with)
        case "GET /v1/stock/{sku}/ledger":
            // The stranger has that SKU too: the cursor alone is the owner's.
            return [
                Attempt(route: route, request: request, status: 404, code: "not-found"),
                foreignCursor(route, with("/v1/stock/both/ledger"), "/v1/stock/both/ledger"),
            ].filter { $0.request.path.contains("cursor") || $0.status == 404 }
        case "POST /v1/orders", "POST /v1/orders/calculate":
            return [Attempt(route: route, request: request, status: 422, code: "invalid")]
        case "POST /v1/keys", "POST /v1/sessions", "POST /v1/products", "POST /v1/product-imports":
            // These name nothing of anybody: what is left to try is a key that is not the caller's.
            var forged = request
            forged.credential = "\(keyID).\(grocery.stranger.apiKey.split(separator: ".")[1])"
            return [Attempt(route: route, request: forged, status: 401, code: "unauthorized")]
        default:
            let attempt = Attempt(route: route, request: request, status: 404, code: "not-found")
            return request.method == "GET" ? [attempt, foreignToken] : [attempt]
        }
    }

    private func foreignCursor(_ route: String, _ request: PantryRequest, _ path: String) -> Attempt {
        var request = request
        // A list that is too short for a cursor of its own is tried with that of another one.
        request.path += "?limit=1&cursor=\(cursors[path] ?? cursors["/v1/orders"] ?? "none")"
        return Attempt(route: route, request: request, status: 400, code: "invalid-cursor")
    }

    private func ownLists(_ route: String, _ with: (String, [String: String]) -> PantryRequest) -> [Attempt] {
        switch route {
        case "GET /v1/stock":
            [Attempt(route: route, request: with("/v1/stock?sku=owned", [:]), status: 200, isEmptyList: true)]
        case "GET /v1/products":
            [Attempt(route: route, request: with("/v1/products?q=owner", [:]), status: 200, isEmptyList: true)]
        case "GET /v1/orders":
            [Attempt(route: route, request: with("/v1/orders?status=canceled", [:]), status: 200, isEmptyList: true)]
        default: []
        }
    }

    /// The operator's own mix-up: one organization's id with a key of another.
    private func crossed(_ route: String, _ own: PantryRequest) -> [Attempt] {
        guard route == "DELETE /ops/organizations/{id}/keys/{key}" else { return [] }
        var request = own
        request.credential = grocery.installation.operatorToken
        request.path = "/ops/organizations/\(grocery.owner.id)/keys/\(strangersKeyID)"
        return [Attempt(route: route, request: request, status: 404, code: "not-found")]
    }
}
