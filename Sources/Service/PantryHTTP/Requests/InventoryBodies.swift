import PantryDomain
import StrictJSON

extension ProductRequest {
    /// - Throws: ``Refusal/invalid(_:)`` with everything that is wrong.
    init(body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let members = ["sku", "name", "unitPrice", "category", "attributes"]
        let reader = ObjectReader(body, at: "", members: members, problems)
        let (sku, name) = (reader?.sku("sku"), reader?.text("name", .required, .name))
        let unitPrice = reader?.price("unitPrice", .required)
        let category = reader?.text("category", .optional, .category)
        let attributes = reader?.document("attributes")
        try problems.check()
        guard let sku, let name, let unitPrice else { throw .invalid([]) }
        self.init(sku: sku, name: name, unitPrice: unitPrice, category: category, attributes: attributes)
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
        onHand = reader?.integer("onHand", .required, 0...Money.largestAmount) ?? 0
        expectedOnHand = reader?.integer("expectedOnHand", .optional, 0...Money.largestAmount)
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
