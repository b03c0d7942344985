import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import Storage
import StrictJSON

/// A grocery with real products for whoever has just started Pantry for the first time.
enum DemoGrocery {
    struct Product: Sendable, Hashable {
        var sku: String
        var name: String
        var unitPrice: Money
        var category: String?
        var onHand: Int64
    }

    /// Reads `sku,name,amount,currency,category,onHand`.
    static func read(_ path: String) throws -> [Product] {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(
                .failed,
                "the demo's products cannot be read from “\(path)”; run from Pantry's folder, or give --demo-products")
        }
        let rows = try CSVReader.rows(of: String(decoding: bytes, as: UTF8.self))
        guard rows.first == ["sku", "name", "amount", "currency", "category", "onHand"] else {
            throw CommandFailure(.failed, "“\(path)” must begin with the line sku,name,amount,currency,category,onHand")
        }
        return try rows.dropFirst().enumerated().map { index, row in
            guard row.count == 6, SKU.isValid(row[0]), let amount = Int64(row[2]), amount > 0, Money.isCurrency(row[3]),
                let onHand = Int64(row[5]), onHand >= 0
            else { throw CommandFailure(.failed, "“\(path)”, record \(index + 2), is not a product: \(row)") }
            return Product(
                sku: row[0], name: row[1], unitPrice: Money(amount, row[3]), category: row[4].isEmpty ? nil : row[4],
                onHand: onHand)
        }
    }

    /// Makes the demo organization unless it is there, then prints how to order from it.
    static func open(
        _ products: [Product], in installation: Installation, keyFile: String, at address: ServerAddress, logger: Logger
    ) async {
        do {
            let key: String
            if let known = try DataDirectory.readSecret(keyFile) {
                key = known
            } else {
                key = try await make(products, in: installation)
                try DataDirectory.writeSecret(key, to: keyFile)
            }
            try await address.wait(installation.time)
            try Console.out(greeting(address.url, key, products))
        } catch {
            logger.error("the demo grocery could not be set up", metadata: ["error": "\(error)"])
        }
    }

    private static func make(_ products: [Product], in installation: Installation) async throws -> String {
        let organizations = installation.organizations
        let created = try await organizations.create(name: "Demo Grocery", plan: nil, region: nil, key: nil)
        guard let object = try JSONReader.parse(created.answer.document).object,
            let number = object["number"]?.integer, let key = object["apiKey"]?.string
        else { throw CommandFailure(.failed, "the new organization has no key") }
        let context = try await organizations.context(
            for: number, traceparent: nil, deadline: installation.time.instant() + .seconds(60))
        try await withThrowingTaskGroup(of: Void.self) { group in
            for product in products {
                group.addTask {
                    let request = ProductRequest(
                        sku: product.sku, name: product.name, unitPrice: product.unitPrice, category: product.category,
                        attributes: nil)
                    _ = try await context.answer(CreateProduct(organization: number, product: request), key: nil)
                    let count = CountStock(
                        organization: number, sku: product.sku, onHand: product.onHand, expected: nil,
                        seed: SystemRandom().next(), traceparent: nil)
                    _ = try await context.answer(count, key: nil)
                }
            }
            try await group.waitForAll()
        }
        return key
    }

    private static func greeting(_ url: String, _ key: String, _ products: [Product]) -> String {
        let ordinary: String = products.first(where: { $0.onHand > 10 })?.sku ?? "sku"
        let scarce: String = products.first(where: { $0.onHand == 1 })?.sku ?? ordinary
        func order(_ idempotencyKey: String, _ sku: String, _ quantity: Int) -> String {
            """
            curl -sS \(url)/v1/orders -H 'Authorization: Bearer \(key)' -H 'Content-Type: application/json' \\
              -H 'Idempotency-Key: \(idempotencyKey)' -d '{"items":[{"sku":"\(sku)","quantity":\(quantity)}]}'
            """
        }
        return """

            Pantry serves a demo grocery with \(products.count) products on \(url)
            Its API key: \(key)

            An order:
            \(order("first-order", ordinary, 2))

            The last unit, wanted twice; the second buyer gets a 409 and is not charged:
            \(order("buyer-1", scarce, 1)); echo
            \(order("buyer-2", scarce, 1))

            The same key again, as after a lost answer; the first answer comes back and nothing is charged:
            \(order("first-order", ordinary, 2)) -i

            """
    }
}
