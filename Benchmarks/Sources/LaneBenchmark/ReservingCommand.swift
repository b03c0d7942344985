import Determinism
import Storage

/// Reserves one unit each of some products under an idempotency key: reads a fence, a key and a stock row for each
/// product, writes the key, the stock rows, an order and an event.
struct ReservingCommand: LaneCommand {
    enum Outcome: Sendable {
        case placed
        case short
        case repeated
    }
    let organization: Int64
    let scope: String
    let id: UUIDv7
    let skus: [String]

    func needs(_ loaded: WorkingSet) -> [Need] {
        var needs: [Need] = [.row(KeyRecord.key(organization, scope))]
        for sku in skus { needs.append(.row(StockRecord.key(organization, sku))) }
        return needs
    }

    func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }

    func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        if work[KeyRecord.key(organization, scope)] != nil { return .discard(.repeated) }
        var lines = "["
        for sku in skus {
            guard var stock = work[StockRecord.key(organization, sku)], stock.onHand - stock.reserved > 0 else {
                return .discard(.short)
            }
            stock.reserved += 1
            work.put(stock)
            lines += lines.utf8.count > 1 ? ",{\"sku\":\"" : "{\"sku\":\""
            lines += sku
            lines += "\",\"quantity\":1}"
        }
        lines += "]"
        work.put(KeyRecord(organization, scope, subject: id))
        work.insert(OrderRecord(organization, id, at: now, lines: lines))
        work.append(EventRecord(organization, id, type: "order:created", data: lines))
        return .commit(.placed)
    }
}
