import Determinism
import StrictJSON
import Synchronization

/// What the clients of a load know of each other: the orders that were acknowledged, and the latest requests. Races are
/// wanted between the cancellation, the fulfilment and the refund of one order, and between two attempts of one
/// request.
final class OrderBook: Sendable {
    struct Entry: Sendable {
        let id: String
        let total: Int64
    }
    private let entries = Mutex<[String: [Entry]]>([:])
    private let requests = Mutex<[String: [Exchange]]>([:])

    func add(_ answer: PantryAnswer, of organization: String) {
        guard [201, 202].contains(answer.status), let id = answer["id"]?.string,
            let total = answer["total"]?.object?["amount"]?.integer
        else { return }
        entries.withLock { $0[organization, default: []].append(Entry(id: id, total: total)) }
    }

    /// Mostly one of the latest: they are the ones that others are at work on.
    func draw(of organization: String, _ random: some RandomSource) -> Entry? {
        entries.withLock { entries in
            guard let mine = entries[organization], !mine.isEmpty else { return nil }
            let recent = random.next(below: 4) == 0 ? mine.count : min(mine.count, 24)
            return mine[mine.count - 1 - Int(random.next(below: UInt64(recent)))]
        }
    }

    /// Takes a request that is about to be sent.
    func publish(_ request: Exchange) {
        requests.withLock { requests in
            requests[request.organization, default: []].append(request)
            if requests[request.organization, default: []].count > 64 {
                requests[request.organization]?.removeFirst(32)
            }
        }
    }

    /// One of the latest requests, perhaps one that is still under way.
    func drawRequest(of organization: String, _ random: some RandomSource) -> Exchange? {
        requests.withLock { requests in
            guard let all = requests[organization], !all.isEmpty else { return nil }
            return all[all.count - 1 - Int(random.next(below: UInt64(min(all.count, 24))))]
        }
    }
}
