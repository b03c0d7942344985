import StrictJSON

/// An order as it is asked for. The same basket always makes the same body, so that a repeat is one.
package struct OrderDraft: Sendable, Hashable {
    package var key: String
    package var basket: Basket
    /// nil for the server's default.
    package var method: String?

    package init(key: String, basket: Basket, method: String? = nil) {
        (self.key, self.basket, self.method) = (key, basket, method)
    }

    /// The body of `POST /v1/orders`.
    package var body: String {
        var json = JSONWriter(capacity: 128 + 48 * basket.items.count)
        json.object { json in
            json.member(
                "items",
                array: { json in
                    for item in basket.items {
                        json.object { json in
                            json.member("sku", item.sku)
                            json.member("quantity", item.quantity)
                        }
                    }
                })
            if let method { json.member("paymentMethod", method) }
            json.member(
                "metadata",
                object: { json in
                    json.member("basketId", basket.id)
                    if let store = basket.store { json.member("storeId", store) }
                    if let placedAt = basket.placedAt { json.member("placedAt", placedAt) }
                })
        }
        return json.string()
    }

    /// Whether the text can be an idempotency key: 1 to 255 printable ASCII characters.
    package static func isKey(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.allSatisfy { (0x21...0x7E).contains($0) }
    }
}
