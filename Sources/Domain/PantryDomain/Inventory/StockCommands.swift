import Determinism
import Messaging
import Storage
import StrictJSON

/// A count of what is on the shelf: sets the balance, with a ledger row for the difference.
package struct CountStock: AnsweringCommand {
    let organization: Int64
    let sku: String
    let onHand: Int64
    /// The balance that the counter believes in; nil for “whatever it is”.
    let expected: Int64?
    let seed: UInt64
    let traceparent: String?
    package init(organization: Int64, sku: String, onHand: Int64, expected: Int64?, seed: UInt64, traceparent: String?)
    {
        (self.organization, self.sku, self.onHand, self.expected) = (organization, sku, onHand, expected)
        (self.seed, self.traceparent) = (seed, traceparent)
    }
    package func needs(_ loaded: WorkingSet) -> [Need] { StockChange.needs(organization, sku) }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard let stock = StockChange.stock(organization, sku, work) else {
            return .refuse(.notFound("there is no product “\(sku)”"))
        }
        if let expected, expected != stock.onHand { return .refuse(.stockChanged(onHand: stock.onHand)) }
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: organization))
        return StockChange.count(stock, onHand, traceparent).apply(.ok, &work, now, &mint)
    }
}

/// Units that come or go, and why.
package struct AdjustStock: AnsweringCommand {
    let organization: Int64
    let sku: String
    let delta: Int64
    let reason: String
    let reference: String?
    let seed: UInt64
    let traceparent: String?
    package init(
        organization: Int64, sku: String, delta: Int64, reason: String, reference: String?, seed: UInt64,
        traceparent: String?
    ) {
        (self.organization, self.sku, self.delta, self.reason) = (organization, sku, delta, reason)
        (self.reference, self.seed, self.traceparent) = (reference, seed, traceparent)
    }
    package func needs(_ loaded: WorkingSet) -> [Need] { StockChange.needs(organization, sku) }
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Decision {
        guard let stock = StockChange.stock(organization, sku, work) else {
            return .refuse(.notFound("there is no product “\(sku)”"))
        }
        let change = StockChange(
            stock: stock, delta: delta, reason: reason, reference: reference, traceparent: traceparent)
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: organization))
        return change.apply(.created, &work, now, &mint)
    }
}

/// What every change of a balance has in common: balance, ledger row and event in one.
struct StockChange {
    var stock: StockRecord
    let delta: Int64
    let reason: String
    let reference: String?
    let traceparent: String?

    /// A count of what is on the shelf.
    static func count(_ stock: StockRecord, _ onHand: Int64, _ traceparent: String?) -> StockChange {
        StockChange(
            stock: stock, delta: onHand - stock.onHand, reason: "count", reference: nil, traceparent: traceparent)
    }
    static func needs(_ organization: Int64, _ sku: String) -> [Need] {
        [.row(ProductRecord.key(organization, sku)), .row(StockRecord.key(organization, sku))]
    }
    static func stock(_ organization: Int64, _ sku: String, _ work: WorkingSet) -> StockRecord? {
        guard let product = work[ProductRecord.key(organization, sku)], product.state == .active else { return nil }
        return work[StockRecord.key(organization, sku)] ?? StockRecord(organization: organization, sku: sku)
    }

    func apply(
        _ kind: AnswerKind, _ work: inout WorkingSet, _ now: Timestamp, _ mint: inout IdentifierMint
    ) -> Decision {
        var stock = stock
        if delta == 0 { return .answer(Answer(kind: kind, document: document(stock, movement: nil))) }
        guard stock.adjust(by: delta) else {
            let detail =
                delta < 0
                ? "\(stock.reserved) of \(stock.onHand) units are reserved for orders: that many must stay on hand"
                : "there can be at most \(Money.largestAmount) units"
            return .refuse(.invalid([FieldProblem(kind == .ok ? "/onHand" : "/delta", "out-of-range", detail)]))
        }
        let movement = StockMovementRecord(
            organization: stock.organization, sku: stock.sku, id: mint.next(at: now), at: now, delta: delta,
            reason: reason, reference: reference)
        let sequence = stock.nextEvent()
        let document = document(stock, movement: movement)
        work.put(stock)
        work.append(movement)
        work.append(
            OutboxRecord(
                organization: stock.organization, key: "stock/\(stock.sku)", sequence: sequence, id: mint.next(at: now),
                type: "inventory:adjusted", time: now, traceparent: traceparent, data: document))
        return .answer(Answer(kind: kind, document: document))
    }

    private func document(_ stock: StockRecord, movement: StockMovementRecord?) -> String {
        var json = JSONWriter()
        json.object { json in
            stock.writeMembers(to: &json)
            if let movement { json.member("movement", raw: movement.document) }
        }
        return json.string()
    }
}

extension StockRecord {
    package func writeMembers(to json: inout JSONWriter) {
        json.member("sku", sku)
        json.member("onHand", onHand)
        json.member("reserved", reserved)
        json.member("available", available)
    }
    package var document: String {
        var json = JSONWriter()
        json.object { writeMembers(to: &$0) }
        return json.string()
    }
}

extension StockMovementRecord {
    package var document: String {
        var json = JSONWriter()
        json.object { json in
            json.member("id", id.description)
            json.member("sku", sku)
            json.member("delta", delta)
            json.member("reason", reason)
            json.member("reference", reference)
            json.member("at", at.rfc3339)
        }
        return json.string()
    }
}
