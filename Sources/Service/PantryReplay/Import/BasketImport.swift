import Determinism
import Synchronization

/// Orders the baskets of a file, each under the key that its id makes: whoever does it again places nothing twice.
package struct BasketImport: Sendable {
    package let sender: OrderSender
    package let credential: String
    package var prefix: String
    package var workers = 16

    package init(_ sender: OrderSender, credential: String, prefix: String) {
        (self.sender, self.credential, self.prefix) = (sender, credential, prefix)
    }

    /// - Parameter onBasket: told of each basket that has been dealt with, from any task.
    /// - Returns: what came of it; partial once `stop` was raised, or where the file cannot be read on.
    package func run(
        _ reader: BasketReader, stop: StopSign, onBasket: @escaping @Sendable () -> Void = {}
    ) async -> BasketImportReport {
        let tally = Tally(start: sender.time.instant())
        await withTaskGroup(of: Void.self) { group in
            var (reader, running) = (reader, 0)
            do {
                while !stop.isRaised, let entry = try await reader.next() {
                    // Where the reader was stopped in the middle of a basket, only a part of it has come.
                    if stop.isRaised { break }
                    if running == workers {
                        await group.next()
                        running -= 1
                    }
                    running += 1
                    group.addTask {
                        await place(entry, tally, stop)
                        onBasket()
                    }
                }
            } catch {
                tally.change { $0.breakOff = "\(error)" }
            }
            // What is under way is finished, whatever comes behind it.
            await group.waitForAll()
        }
        return tally.report(at: sender.time.instant())
    }

    private func place(_ entry: BasketEntry, _ tally: Tally, _ stop: StopSign) async {
        switch entry {
        case .fault(let fault): tally.change { $0.add(fault) }
        case .basket(let basket):
            let draft = OrderDraft(key: prefix + basket.id, basket: basket)
            guard OrderDraft.isKey(draft.key) else { return tally.change { $0.add(Self.badKey(basket)) } }
            let result = await sender.place(draft, as: credential)
            tally.change { $0.add(result, of: basket) }
            // Without a server, or without its trust, the other baskets would fare no better.
            if Self.isHopeless(result) { stop.raise() }
        }
    }

    private static func badKey(_ basket: Basket) -> BasketFault {
        BasketFault(
            basket: basket.id, line: basket.line, code: "invalid",
            detail: "with its prefix, a basket's id must have 1 to 255 printable ASCII characters without blanks")
    }

    private static func isHopeless(_ result: OrderResult) -> Bool {
        guard let answer = result.answer.answer else { return true }
        return answer.status == 401 || answer.status == 403
    }

    private final class Tally: Sendable {
        private let state = Mutex(BasketImportReport())
        private let start: Instant
        init(start: Instant) { self.start = start }
        func change(_ body: (inout sending BasketImportReport) -> Void) { state.withLock { body(&$0) } }
        func report(at now: Instant) -> BasketImportReport {
            state.withLock { report in
                report.duration = now - start
                return report
            }
        }
    }
}
