import StrictJSON

/// A basket out of a line of JSON: `{basketId, storeId?, placedAt?, items: [{sku, quantity}]}`.
enum NDJSONBasket {
    private static let members: Set<String> = ["basketId", "storeId", "placedAt", "items"]

    static func entry(_ line: LineReader.Line) -> BasketEntry {
        var id: String?
        func fault(_ detail: String, _ code: String = "invalid") -> BasketEntry {
            .fault(BasketFault(basket: id, line: line.number, code: code, detail: detail))
        }
        let document: JSONValue
        do { document = try JSONReader.parse(line.bytes) } catch { return fault("\(error)", "malformed-request") }
        guard let object = document.object else { return fault("a basket is a JSON object") }
        id = text(object["basketId"])
        guard let basket = id, !basket.isEmpty else {
            return fault("basketId is missing, or neither a text nor a number")
        }
        if let stray = object.names.first(where: { !members.contains($0) }) {
            return fault("a basket has no member “\(stray)”; it has basketId, storeId, placedAt and items")
        }
        guard let lines = object["items"]?.array, !lines.isEmpty else { return fault("items is missing, or empty") }
        guard lines.count <= Basket.mostItems else {
            return fault("a basket has at most \(Basket.mostItems) lines", "too-many-lines")
        }
        var items: [Basket.Item] = []
        for (index, element) in lines.enumerated() {
            guard let sku = text(element.object?["sku"]), !sku.isEmpty,
                let quantity = element.object?["quantity"]?.integer, (1...Basket.mostUnits).contains(quantity),
                element.object?.count == 2
            else {
                return fault("items[\(index)] must be {sku, quantity}, the quantity from 1 to \(Basket.mostUnits)")
            }
            items.append(Basket.Item(sku: sku, quantity: quantity))
        }
        return .basket(
            Basket(
                id: basket, store: text(object["storeId"]), placedAt: text(object["placedAt"]), items: items,
                line: line.number))
    }

    /// A text, or a whole number as one: tills number their baskets.
    private static func text(_ value: JSONValue?) -> String? { value?.string ?? value?.integer.map(String.init) }
}
