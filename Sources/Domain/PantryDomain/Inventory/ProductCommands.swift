import Determinism
import Messaging
import Sagas
import Storage
import StrictJSON

/// What a product is to be like, checked already.
package struct ProductRequest: Sendable {
    package var sku: String
    package var name: String
    package var unitPrice: Money
    package var category: String?
    /// A JSON object.
    package var attributes: String?
    package init(sku: String, name: String, unitPrice: Money, category: String?, attributes: String?) {
        (self.sku, self.name, self.unitPrice, self.category, self.attributes) = (
            sku, name, unitPrice, category, attributes
        )
    }
}

/// Adds a product with an empty stock row. A deleted product of the same SKU comes back, with the stock it had.
package struct CreateProduct: AnsweringCommand {
    let organization: Int64
    let product: ProductRequest
    package init(organization: Int64, product: ProductRequest) {
        (self.organization, self.product) = (organization, product)
    }

    package func needs(_ loaded: WorkingSet) -> [Need] {
        [.row(ProductRecord.key(organization, product.sku)), .row(StockRecord.key(organization, product.sku))]
    }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        var record = ProductRecord(
            organization: organization, sku: product.sku, name: product.name, unitPrice: product.unitPrice,
            category: product.category, attributes: product.attributes, now: now)
        if let old = work[record.key] {
            guard old.state == .archived else {
                return .refuse(.alreadyExists("there is a product “\(product.sku)” already"))
            }
            record = old.renewed(as: product, now)
        }
        work.put(record)
        if work[StockRecord.key(organization, product.sku)] == nil {
            work.put(StockRecord(organization: organization, sku: product.sku))
        }
        return .answer(Answer(kind: .created, document: record.document))
    }
}

/// What of a product is to change; nil leaves a member as it is.
package struct ProductPatch: Sendable {
    package var name: String?
    package var unitPrice: Money?
    /// `.some(nil)` takes the member away.
    package var category: String??
    package var attributes: String??
    package init(name: String?, unitPrice: Money?, category: String??, attributes: String??) {
        (self.name, self.unitPrice, self.category, self.attributes) = (name, unitPrice, category, attributes)
    }
}

package struct PatchProduct: AnsweringCommand {
    let organization: Int64
    let sku: String
    let patch: ProductPatch
    package init(organization: Int64, sku: String, patch: ProductPatch) {
        (self.organization, self.sku, self.patch) = (organization, sku, patch)
    }
    package func needs(_ loaded: WorkingSet) -> [Need] { [.row(ProductRecord.key(organization, sku))] }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard var product = work[ProductRecord.key(organization, sku)], product.state == .active else {
            return .refuse(.notFound("there is no product “\(sku)”"))
        }
        if let name = patch.name { product.name = name }
        if let unitPrice = patch.unitPrice { product.unitPrice = unitPrice }
        if let category = patch.category { product.category = category }
        if let attributes = patch.attributes { product.attributes = attributes }
        product.updatedAt = now
        work.put(product)
        return .answer(Answer(kind: .ok, document: product.document))
    }
}

/// Takes a product out of sale. Its orders, stock and ledger stay.
package struct DeleteProduct: AnsweringCommand {
    let organization: Int64
    let sku: String
    package init(organization: Int64, sku: String) { (self.organization, self.sku) = (organization, sku) }
    package func needs(_ loaded: WorkingSet) -> [Need] { [.row(ProductRecord.key(organization, sku))] }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard var product = work[ProductRecord.key(organization, sku)], product.state == .active else {
            return .refuse(.notFound("there is no product “\(sku)”"))
        }
        (product.state, product.updatedAt) = (.archived, now)
        work.put(product)
        return .answer(Answer(kind: .noContent, document: ""))
    }
}

extension ProductRecord {
    fileprivate func renewed(as product: ProductRequest, _ now: Timestamp) -> ProductRecord {
        var record = self
        (record.name, record.unitPrice, record.category) = (product.name, product.unitPrice, product.category)
        (record.attributes, record.state, record.updatedAt) = (product.attributes, .active, now)
        return record
    }

    package var document: String {
        var json = JSONWriter()
        json.object { json in
            json.member("sku", sku)
            json.member("name", name)
            json.member("unitPrice", unitPrice)
            json.member("category", category)
            json.member("attributes", raw: attributes ?? "{}")
            json.member("createdAt", createdAt.rfc3339)
            json.member("updatedAt", updatedAt.rfc3339)
        }
        return json.string()
    }
}
