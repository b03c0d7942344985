import Determinism
import Storage

/// What a row of an import says of a product, checked already.
package struct ProductRow: Sendable, Hashable {
    package var line: Int64
    package var sku: String
    package var name: String
    package var unitPrice: Money
    /// nil leaves the category as it is; `.some(nil)` takes it away.
    package var category: String??
    /// What was counted; nil leaves the stock as it is.
    package var onHand: Int64?

    package init(line: Int64, sku: String, name: String, unitPrice: Money, category: String??, onHand: Int64?) {
        (self.line, self.sku, self.name, self.unitPrice) = (line, sku, name, unitPrice)
        (self.category, self.onHand) = (category, onHand)
    }
}

/// A row as it was read.
package enum ImportEntry: Sendable, Hashable {
    case row(ProductRow)
    case failure(RowFailure)
}

/// Some hundred rows of an import, in one transaction: each brings a product into being or up to date, and counts its
/// stock. What is already as its row says is not written.
///
/// A row that cannot be had fails alone. Where the import has a key, its progress is part of the transaction.
package struct ImportProducts: LaneCommand {
    package enum Outcome: Sendable {
        case imported(ImportTally)
        case refused(Refusal)
    }
    /// What is stored under the key.
    package struct Step: Sendable {
        let request: RequestKey
        let attempt: Int64
        let from: ImportPlace
        let to: ImportPlace
        let isLast: Bool
        /// - Parameters:
        ///   - from: where the chunk before ended.
        ///   - isLast: whether the import ends with this chunk.
        package init(request: RequestKey, attempt: Int64, from: ImportPlace, to: ImportPlace, isLast: Bool) {
            (self.request, self.attempt, self.from, self.to) = (request, attempt, from, to)
            self.isLast = isLast
        }
    }
    let organization: Int64
    let entries: [ImportEntry]
    /// What came of the chunks before.
    let tally: ImportTally
    let step: Step?
    let seed: UInt64
    let traceparent: String?

    package init(
        organization: Int64, entries: [ImportEntry], tally: ImportTally, step: Step?, seed: UInt64, traceparent: String?
    ) {
        (self.organization, self.entries, self.tally, self.step) = (organization, entries, tally, step)
        (self.seed, self.traceparent) = (seed, traceparent)
    }

    package func needs(_ loaded: WorkingSet) -> [Need] {
        var needs: [Need] = step.map { [.row(IdempotencyRecord.key(organization, $0.request.scope))] } ?? []
        for case .row(let row) in entries { needs += StockChange.needs(organization, row.sku) }
        return needs
    }

    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        if let step, !isStillOurs(step, work) { return .discard(.refused(.keyInProgress)) }
        var tally = tally
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: organization))
        for entry in entries {
            switch entry {
            case .failure(let failure): tally.add(failure)
            case .row(let row):
                let problems = apply(row, &work, now, &mint)
                if problems.isEmpty { tally.addImported() } else { tally.add(RowFailure(line: row.line, problems)) }
            }
        }
        if let step { store(tally, step, &work) }
        return .commit(.imported(tally))
    }

    private func isStillOurs(_ step: Step, _ work: WorkingSet) -> Bool {
        guard let record = work[IdempotencyRecord.key(organization, step.request.scope)], record.state == .running,
            let progress = record.document.flatMap({ ImportProgress(document: $0) })
        else { return false }
        return progress.attempt == step.attempt && progress.place == step.from
    }

    private func store(_ tally: ImportTally, _ step: Step, _ work: inout WorkingSet) {
        guard var record = work[IdempotencyRecord.key(organization, step.request.scope)] else { return }
        record.document = ImportProgress(attempt: step.attempt, place: step.to, tally: tally).document
        if step.isLast { record.state = .settled }
        work.put(record)
    }

    /// - Returns: what is wrong with the row, which then has changed nothing.
    private func apply(
        _ row: ProductRow, _ work: inout WorkingSet, _ now: Timestamp, _ mint: inout IdentifierMint
    ) -> [FieldProblem] {
        let known = work[StockRecord.key(organization, row.sku)]
        let stock = known ?? StockRecord(organization: organization, sku: row.sku)
        // The count comes first, because it alone can fail.
        if let onHand = row.onHand, onHand != stock.onHand {
            let decision = StockChange.count(stock, onHand, traceparent).apply(.ok, &work, now, &mint)
            if case .refuse(let refusal) = decision { return refusal.problems }
        } else if known == nil {
            work.put(stock)
        }
        let old = work[ProductRecord.key(organization, row.sku)]
        if let record = old?.brought(to: row, now) ?? (old == nil ? made(of: row, now) : nil) { work.put(record) }
        return []
    }

    private func made(of row: ProductRow, _ now: Timestamp) -> ProductRecord {
        ProductRecord(
            organization: organization, sku: row.sku, name: row.name, unitPrice: row.unitPrice,
            category: row.category ?? nil, attributes: nil, now: now)
    }
}

extension ProductRecord {
    /// The record as the row wants it; nil when it is so already.
    fileprivate func brought(to row: ProductRow, _ now: Timestamp) -> ProductRecord? {
        let category = row.category ?? self.category
        let isSame =
            state == .active && unitPrice == row.unitPrice && Self.areSame(name, row.name)
            && Self.areSame(category, self.category)
        guard !isSame else { return nil }
        var record = self
        (record.name, record.unitPrice, record.category) = (row.name, row.unitPrice, category)
        (record.state, record.updatedAt) = (.active, now)
        return record
    }

    /// By bytes: a name that only changes how its letters are composed is another name to everybody else.
    private static func areSame(_ text: String?, _ other: String?) -> Bool {
        guard let text, let other else { return text == nil && other == nil }
        return text.utf8.elementsEqual(other.utf8)
    }
}

extension Refusal {
    fileprivate var problems: [FieldProblem] {
        if case .invalid(let problems) = self { return problems }
        return [FieldProblem("", "invalid", "\(self)")]
    }
}
