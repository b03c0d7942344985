import Foundation
import PantryDomain
import PantryReplay

/// What the demo's shops sell, and the baskets that their customers buy.
struct DemoStock: Sendable {
    /// Everything that each of them sells.
    let products: [ProductRow]
    /// What the first shop has too little of.
    let scarce: ProductRow
    let baskets: [Basket]

    static let scarceUnits: Int64 = 5
    /// The shelves of the example are filled for about as many orders as this.
    private static let ordersOfOneFilling = 1_000
    /// Of a product whose file states none.
    private static let unitsByDefault: Int64 = 100

    /// Reads both files. For more orders, shelves are filled higher, so that most of them can be served.
    static func read(products: String, baskets: String, orders: Int) async throws -> DemoStock {
        let fillings = Int64((orders + ordersOfOneFilling - 1) / ordersOfOneFilling)
        let read = try DemoGrocery.read(products, option: "--products").rows
        guard let sample = read.max(by: { $0.unitPrice.amount < $1.unitPrice.amount }) else {
            throw CommandFailure(.failed, "“\(products)” has no products")
        }
        var scarce = sample
        (scarce.sku, scarce.name, scarce.onHand) = ("demo-last-cakes", "Birthday Cake, the last five", scarceUnits)
        let filled = read.filter { $0.sku != scarce.sku }.map { product in
            var product = product
            product.onHand = min((product.onHand ?? unitsByDefault) * fillings, 1_000_000_000)
            return product
        }
        return DemoStock(
            products: filled, scarce: scarce,
            baskets: try await Self.baskets(baskets, known: Set(filled.map(\.sku)), orders))
    }

    /// The products of one shop as a file to import.
    static func csv(_ products: [ProductRow]) -> String {
        func quoted(_ text: String) -> String {
            let doubled = text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
            return "\"\(doubled)\""
        }
        let lines = products.map { product in
            [
                product.sku, quoted(product.name), "\(product.unitPrice.amount)", product.unitPrice.currency,
                quoted((product.category ?? nil) ?? ""), "\(product.onHand ?? 0)",
            ].joined(separator: ",")
        }
        return (["sku,name,amount,currency,category,onHand"] + lines).joined(separator: "\n") + "\n"
    }

    /// The first baskets, as many as are ordered. One with a product that nobody sells would be refused as a whole.
    private static func baskets(_ path: String, known: Set<String>, _ count: Int) async throws -> [Basket] {
        do {
            var reader = BasketReader(try BasketFile(path), until: StopSign())
            var (baskets, unknown) = ([Basket](), 0)
            while baskets.count < count, let entry = try await reader.next() {
                switch entry {
                case .basket(let basket) where basket.items.allSatisfy({ known.contains($0.sku) }):
                    baskets.append(basket)
                case .basket: unknown += 1
                case .fault(let fault): throw BasketFileError("line \(fault.line): \(fault.detail)")
                }
            }
            guard !baskets.isEmpty else {
                throw BasketFileError(
                    "no basket has only products of the products' file (\(unknown) have others); the two files must "
                        + "belong together")
            }
            return baskets
        } catch let error as BasketFileError {
            throw CommandFailure(.failed, "“\(path)”: \(error.description)")
        }
    }
}
