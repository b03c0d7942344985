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

    /// - Parameter onBasket: told of each basket that has been dealt with, from any worker.
    /// - Returns: what came of it; partial once `stop` was raised.
    /// - Throws: ``BasketFileError`` when the file cannot be read on; what was ordered before stays ordered.
    package func run(
        _ reader: BasketReader, stop: StopSign, onBasket: @escaping @Sendable (BasketImportReport) -> Void = { _ in }
    ) async throws -> BasketImportReport {
        let tally = Tally(start: sender.time.instant())
        do {
            try await Workers.run(workers, stop: stop, source: reader, next: { try $0.next() }) { entry in
                switch entry {
                case .fault(let fault): tally.change { $0.add(fault) }
                case .basket(let basket):
                    let draft = OrderDraft(key: prefix + basket.id, basket: basket)
                    guard OrderDraft.isKey(draft.key) else {
                        tally.change { $0.add(Self.badKey(basket)) }
                        break
                    }
                    let result = await sender.place(draft, as: credential)
                    tally.change { $0.add(result, of: basket) }
                    // Without a server, or without its trust, the other baskets would fare no better.
                    if Self.isHopeless(result) { stop.raise() }
                }
                onBasket(tally.report(at: sender.time.instant()))
            }
        } catch let error as BasketFileError {
            tally.change { $0.breakOff = error.description }
        }
        return tally.report(at: sender.time.instant())
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
