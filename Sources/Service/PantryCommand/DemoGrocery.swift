import Determinism
import Foundation
import Logging
import PantryAssembly
import PantryDomain
import PantryHTTP
import Storage
import StrictJSON

/// A grocery with real products for whoever has just started Pantry for the first time.
enum DemoGrocery {
    /// The demo's products, as they are imported and as they are shown.
    struct Goods: Sendable {
        var csv: [UInt8]
        var rows: [ProductRow]
    }

    /// Reads the products, so that a wrong file stops the start.
    static func read(_ path: String, option: String = "--demo-products") throws -> Goods {
        guard let bytes = FileManager.default.contents(atPath: path) else {
            throw CommandFailure(
                .failed,
                "the demo's products cannot be read from “\(path)”; run from Pantry's folder, or give \(option)")
        }
        var goods = Goods(csv: Array(bytes), rows: [])
        var reader = ProductRowReader(.csv)
        reader.append(goods.csv)
        reader.finish()
        func wrong(_ line: Int64, _ detail: String) -> CommandFailure {
            CommandFailure(.failed, "“\(path)”, line \(line): \(detail)")
        }
        do {
            while let entry = try reader.next() {
                switch entry {
                case .row(let row): goods.rows.append(row)
                case .failure(let failure): throw wrong(failure.line, failure.detail)
                }
            }
        } catch let fault as UnreadableRows { throw wrong(fault.line, fault.detail) }
        return goods
    }

    /// Makes the demo organization unless it is there, then prints how to order from it.
    static func open(
        _ goods: Goods, in installation: Installation, keyFile: String, at address: ServerAddress, logger: Logger
    ) async {
        do {
            let key: String
            if let known = try DataDirectory.readSecret(keyFile) {
                key = known
            } else {
                key = try await make(goods, in: installation)
                try DataDirectory.writeSecret(key, to: keyFile)
            }
            try await address.wait(installation.time)
            try Console.out(greeting(address.url, key, goods.rows))
        } catch {
            logger.error("the demo grocery could not be set up", metadata: ["error": "\(error)"])
        }
    }

    private static func make(_ goods: Goods, in installation: Installation) async throws -> String {
        let organizations = installation.organizations
        let created = try await organizations.create(name: "Demo Grocery", plan: nil, region: nil, key: nil)
        guard let object = try JSONReader.parse(created.answer.document).object,
            let number = object["number"]?.integer, let key = object["apiKey"]?.string
        else { throw CommandFailure(.failed, "the new organization has no key") }
        let order = ProductImport(
            organizations: organizations, organization: number, format: .csv, key: nil, traceparent: nil,
            time: installation.time, random: SystemRandom())
        var source = WholeSource(goods.csv)
        do { _ = try await order.run(&source) } catch let stop as ImportStop {
            throw CommandFailure(.failed, Problem(stop).detail ?? "the products could not be imported")
        }
        return key
    }

    private static func greeting(_ url: String, _ key: String, _ products: [ProductRow]) -> String {
        let ordinary: String = products.first(where: { ($0.onHand ?? 0) > 10 })?.sku ?? "sku"
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
