/// Baskets out of comma-separated lines, one line for each product of a basket.
struct CSVBaskets: Sendable {
    private struct Columns: Sendable {
        var count: Int
        var basket: Int
        var sku: Int
        var quantity: Int
        var store: Int?
        var placedAt: Int?
    }
    private enum Row {
        case line(basket: String, Basket)
        case fault(BasketFault)
    }
    private let columns: Columns
    /// The basket whose lines are being gathered, or what is wrong with it.
    private var current: BasketEntry?

    /// Reads the header.
    init(_ lines: inout LineReader) async throws(BasketFileError) {
        let header = try await CSVRecord.next(&lines)?.fields.map { $0.trimmed.lowercased() } ?? []
        func place(_ names: String...) -> Int? { header.firstIndex { names.contains($0) } }
        guard let basket = place("basket_id", "basketid"), let sku = place("sku"), let quantity = place("quantity")
        else {
            throw BasketFileError(
                "a basket file begins with the line placed_at,store_id,basket_id,sku,quantity (the first two may be "
                    + "missing), or has a JSON object in each line; this one begins with “"
                    + header.joined(separator: ",").prefix(100) + "”")
        }
        columns = Columns(
            count: header.count, basket: basket, sku: sku, quantity: quantity,
            store: place("store_id", "storeid"), placedAt: place("placed_at", "placedat"))
    }

    /// The next basket; nil at the end.
    mutating func next(_ lines: inout LineReader) async throws(BasketFileError) -> BasketEntry? {
        while let record = try await CSVRecord.next(&lines) {
            switch row(record) {
            case .line(let id, let line):
                if let finished = add(line, to: id) { return finished }
            case .fault(let fault):
                if let finished = add(fault) { return finished }
            }
        }
        defer { current = nil }
        return current
    }

    /// - Returns: the basket before, when this line begins another one.
    private mutating func add(_ line: Basket, to id: String) -> BasketEntry? {
        switch current {
        case .basket(var basket)? where basket.id == id:
            if basket.items.count == Basket.mostItems {
                current = .fault(
                    BasketFault(
                        basket: id, line: line.line, code: "too-many-lines",
                        detail: "a basket has at most \(Basket.mostItems) lines"))
            } else {
                // Only one copy may hold the items, else each line would copy them all.
                current = nil
                basket.items += line.items
                current = .basket(basket)
            }
            return nil
        case .fault(let fault)? where fault.basket == id: return nil
        default:
            defer { current = .basket(line) }
            return current
        }
    }

    /// A line that cannot be read spoils its basket; one without an id may belong to the basket before it.
    private mutating func add(_ fault: BasketFault) -> BasketEntry? {
        switch current {
        case .basket(let basket)? where fault.basket == nil || fault.basket == basket.id:
            var spoiled = fault
            spoiled.basket = basket.id
            current = .fault(spoiled)
            return nil
        case .fault(let first)? where fault.basket == nil || fault.basket == first.basket: return nil
        default:
            defer { current = .fault(fault) }
            return current
        }
    }

    private func row(_ record: CSVRecord) -> Row {
        func fault(_ basket: String?, _ detail: String) -> Row {
            .fault(BasketFault(basket: basket, line: record.line, code: "invalid", detail: detail))
        }
        func optional(_ index: Int?) -> String? {
            index.map { record.fields[$0].trimmed }.flatMap { $0.isEmpty ? nil : $0 }
        }
        guard record.fields.count == columns.count else {
            return fault(nil, "the header has \(columns.count) fields, this line has \(record.fields.count)")
        }
        let id = record.fields[columns.basket].trimmed
        guard !id.isEmpty else { return fault(nil, "basket_id is empty") }
        let sku = record.fields[columns.sku].trimmed
        guard !sku.isEmpty else { return fault(id, "sku is empty") }
        let text = record.fields[columns.quantity].trimmed
        guard let quantity = Int64(text), (1...Basket.mostUnits).contains(quantity) else {
            return fault(id, "quantity “\(text.prefix(40))” is not a whole number from 1 to \(Basket.mostUnits)")
        }
        let basket = Basket(
            id: id, store: optional(columns.store), placedAt: optional(columns.placedAt),
            items: [Basket.Item(sku: sku, quantity: quantity)], line: record.line)
        return .line(basket: id, basket)
    }
}

extension String {
    /// Without blanks around it.
    var trimmed: String {
        let isBlank: (UInt8) -> Bool = { $0 == 32 || $0 == 9 }
        guard let first = utf8.first, let last = utf8.last, isBlank(first) || isBlank(last) else { return self }
        return String(decoding: utf8.drop(while: isBlank).reversed().drop(while: isBlank).reversed(), as: UTF8.self)
    }
}
