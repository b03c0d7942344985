import Determinism
import Foundation
import StrictJSON

/// Holds what clients saw against what the server and the payment provider say afterwards.
///
/// After a fault: start the server again, make a checker with the whole history, and expect ``check(_:on:)`` to find
/// nothing. First it sends every unanswered request again, with its key: the server must then know what became of it.
public struct InvariantChecker: Sendable {
    /// The organizations whose requests the history holds.
    public let tenants: [Tenant]
    /// What they sell; each of them has all of it.
    public let catalog: Catalog
    /// What was sent and answered.
    public let history: History
    /// How long repeats and orders on their way may take.
    public var limit: Duration = .seconds(30)

    /// A checker.
    public init(tenants: [Tenant], catalog: Catalog, history: History) {
        (self.tenants, self.catalog, self.history) = (tenants, catalog, history)
    }

    /// Repeats what was not answered, waits for orders on their way, and checks everything, `pantry verify` included.
    /// - Returns: a readable line for each violation; none if all is well.
    /// - Throws: when the server or the provider's books cannot be read.
    public func check(_ installation: Installation, on process: PantryProcess) async throws -> [String] {
        var violations = try await check(on: try process.client(), books: installation.books)
        let verified = try await installation.run("verify", "--json")
        if !verified.exit.isSuccess {
            violations.append(
                "pantry verify \(verified.exit): \(verified.text.prefix(1_000))\(verified.errors.prefix(1_000))")
        }
        return violations
    }

    /// Repeats what was not answered, waits for orders on their way, and checks everything that a client can see,
    /// against the provider's books.
    /// - Returns: a readable line for each violation; none if all is well.
    /// - Throws: when the server or the provider's books cannot be read.
    public func check(
        on client: PantryClient, books: @escaping @Sendable () async throws -> ProviderBooks
    ) async throws -> [String] {
        var violations = await repeatUnanswered(on: client)
        let collector = EvidenceCollector(
            client: client, tenants: tenants, catalog: catalog, books: books)
        violations += try await collector.settle(within: limit)
        let exchanges = history.all
        let evidence = try await collector.collect(acknowledged: Self.acknowledged(exchanges))
        return violations + Self.violations(exchanges, evidence, catalog)
    }

    /// Sends every request that got no answer again, with its key, until the answer is final.
    /// - Returns: a line for each that got none in time.
    public func repeatUnanswered(on client: PantryClient) async -> [String] {
        let sessions = Dictionary(
            tenants.map { ($0.id, TenantSession($0, client, history)) }, uniquingKeysWith: { first, _ in first })
        let exchanges = history.all
        var seen: Set<String> = []
        let open = exchanges.filter { exchange in
            guard exchange.method == "POST", let key = exchange.idempotencyKey, exchange.answer == nil else {
                return false
            }
            return seen.insert("\(exchange.organization) \(exchange.path) \(key)").inserted
        }
        let limit = limit
        let lines = await open.concurrentMap(limit: 8) { exchange -> String? in
            guard let session = sessions[exchange.organization] else {
                return "\(exchange.title) belongs to an unknown organization"
            }
            var latest = Outcome.noAnswer("not repeated")
            do {
                try await Poll.untilTrue("a final answer", within: limit, every: .milliseconds(50)) {
                    latest = await session.again(exchange)
                    return Self.isFinal(latest, of: exchange.kind)
                }
                return nil
            } catch {
                return "\(exchange.title), repeated with its key, got no final answer; the last: \(latest)"
            }
        }
        return lines.compactMap(\.self)
    }

    /// Whether repeating a request cannot change its answer any more.
    static func isFinal(_ outcome: Outcome, of kind: Exchange.Kind) -> Bool {
        guard let answer = outcome.answer else { return false }
        // An order may wait in the queue for hours; a cancel or a refund is to come to its end.
        if answer.status == 202 { return kind == .order }
        if answer.status == 409 { return ["out-of-stock", "invalid-transition"].contains(answer.code) }
        return answer.status < 500 && ![408, 425, 429].contains(answer.status)
    }

    /// The ids of all orders that answers acknowledged, with their organizations' ids.
    static func acknowledged(_ exchanges: [Exchange]) -> [String: String] {
        var ids: [String: String] = [:]
        for exchange in exchanges where exchange.kind == .order {
            guard let answer = exchange.answer, (200...299).contains(answer.status), let id = answer["id"]?.string
            else { continue }
            ids[id] = exchange.organization
        }
        return ids
    }

    /// All rules over a history and the evidence: a pure function.
    public static func violations(_ exchanges: [Exchange], _ evidence: Evidence, _ catalog: Catalog) -> [String] {
        AcknowledgementRules.violations(exchanges, evidence) + RepetitionRules.violations(exchanges, evidence)
            + StockRules.violations(evidence, catalog) + LedgerRules.violations(evidence)
    }
}
