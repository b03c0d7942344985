import PantryDomain
import StrictJSON

/// What a product is described by, in a request of its own and in a row of an import alike.
private struct ProductMembers {
    static let names = ["sku", "name", "unitPrice", "category"]
    private let sku: String?
    private let name: String?
    private let unitPrice: Money?
    let category: String?

    init(_ reader: ObjectReader?) {
        (sku, name) = (reader?.sku("sku"), reader?.text("name", .required, .name))
        unitPrice = reader?.price("unitPrice", .required)
        category = reader?.text("category", .optional, .category)
    }

    /// - Throws: ``Refusal/invalid(_:)`` with everything that is wrong.
    func checked(_ problems: FieldProblemList) throws(Refusal) -> (sku: String, name: String, unitPrice: Money) {
        try problems.check()
        guard let sku, let name, let unitPrice else { throw .invalid([]) }
        return (sku, name, unitPrice)
    }
}

extension ProductRequest {
    /// - Throws: ``Refusal/invalid(_:)`` with everything that is wrong.
    init(body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ProductMembers.names + ["attributes"], problems)
        let members = ProductMembers(reader)
        let attributes = reader?.document("attributes")
        let (sku, name, unitPrice) = try members.checked(problems)
        self.init(sku: sku, name: name, unitPrice: unitPrice, category: members.category, attributes: attributes)
    }
}

extension ProductRow {
    /// A row of an import: a product, and what was counted of it.
    /// - Throws: ``Refusal/invalid(_:)`` with everything that is wrong.
    init(line: Int64, body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ProductMembers.names + ["onHand"], problems)
        let members = ProductMembers(reader)
        let onHand = reader?.onHand("onHand", .optional)
        let (sku, name, unitPrice) = try members.checked(problems)
        self.init(
            line: line, sku: sku, name: name, unitPrice: unitPrice,
            category: reader?.value("category") == nil ? nil : .some(members.category), onHand: onHand)
    }
}

extension ObjectReader {
    /// What was counted on the shelf.
    fileprivate func onHand(_ name: String, _ presence: Presence) -> Int64? {
        integer(name, presence, 0...Money.largestAmount)
    }
}

extension ProductPatch {
    /// `null` takes `category` or `attributes` away; a member that is not there stays as it is.
    init(body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let members = ["name", "unitPrice", "category", "attributes"]
        guard let reader = ObjectReader(body, at: "", members: members, problems) else {
            throw .invalid(problems.all)
        }
        func has(_ name: String) -> Bool { reader.value(name) != nil }
        let name = has("name") ? reader.text("name", .required, .name) : nil
        let unitPrice = has("unitPrice") ? reader.price("unitPrice", .required) : nil
        let category = has("category") ? String??.some(reader.text("category", .optional, .category)) : nil
        let attributes = has("attributes") ? String??.some(reader.document("attributes")) : nil
        try problems.check()
        self.init(name: name, unitPrice: unitPrice, category: category, attributes: attributes)
    }
}

/// The body of a count: `{onHand, expectedOnHand?}`.
struct CountBody {
    let onHand: Int64
    let expectedOnHand: Int64?

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["onHand", "expectedOnHand"], problems)
        onHand = reader?.onHand("onHand", .required) ?? 0
        expectedOnHand = reader?.onHand("expectedOnHand", .optional)
        try problems.check()
    }
}

/// The body of an adjustment: `{delta, reason, reference?}`.
struct AdjustmentBody {
    let delta: Int64
    let reason: String
    let reference: String?

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["delta", "reason", "reference"], problems)
        let delta = reader?.integer("delta", .required, -Money.largestAmount...Money.largestAmount)
        if delta == 0 { reader?.note("delta", "out-of-range", "it must not be 0: nothing would change") }
        self.delta = delta ?? 0
        reason = reader?.text("reason", .required, .reason) ?? ""
        reference = reader?.text("reference", .optional, .reference)
        try problems.check()
    }
}
