import Foundation
import PantryTestKit

/// Real baskets, and what they must come to: computed from the CSV files alone, with nothing of Pantry's.
struct GroceryBaskets: Sendable {
    struct Basket: Sendable {
        var id: String
        var store: String
        var items: [(sku: String, quantity: Int64)]
    }
    /// Cents.
    var prices: [String: Int64]
    var baskets: [Basket]

    /// What orders of some baskets come to.
    struct Sums: Sendable, Equatable {
        var units: [String: Int64] = [:]
        var cents: Int64 = 0
        var orders = 0
    }

    /// Cents of one basket.
    func total(_ basket: Basket) -> Int64 { basket.items.reduce(0) { $0 + (prices[$1.sku] ?? 0) * $1.quantity } }

    func sums(_ baskets: some Sequence<Basket>) -> Sums {
        var sums = Sums()
        for basket in baskets {
            sums.orders += 1
            sums.cents += total(basket)
            for item in basket.items { sums.units[item.sku, default: 0] += item.quantity }
        }
        return sums
    }

    /// The baskets of shop `number` of `count`: whole stores are dealt out.
    func baskets(ofShop number: Int, of count: Int) -> [Basket] {
        let stores = Set(baskets.map(\.store)).sorted()
        let own = Set(stores.enumerated().filter { $0.offset % count == number }.map(\.element))
        return baskets.filter { own.contains($0.store) }
    }

    /// `count` baskets: of the folder that PANTRY_GROCERY_DATA names, or else of the example, again and again with
    /// other ids if there are too few.
    static func load(_ count: Int) throws -> GroceryBaskets {
        let folder = ProcessInfo.processInfo.environment["PANTRY_GROCERY_DATA"].flatMap { $0.isEmpty ? nil : $0 }
        let grocery = try read(folder ?? exampleFolder())
        var baskets: [Basket] = []
        var round = 0
        while baskets.count < count {
            round += 1
            baskets += grocery.baskets.prefix(count - baskets.count).map { basket in
                var basket = basket
                if round > 1 { basket.id += "-\(round)" }
                return basket
            }
        }
        return GroceryBaskets(prices: grocery.prices, baskets: baskets)
    }

    static func exampleFolder(file: String = #filePath) -> String {
        var root = URL(fileURLWithPath: file)
        while root.path.count > 1, !FileManager.default.fileExists(atPath: root.path + "/Package.swift") {
            root.deleteLastPathComponent()
        }
        return root.path + "/Examples/grocery"
    }

    private struct Unreadable: Error, CustomStringConvertible { let description: String }

    static func read(_ folder: String) throws -> GroceryBaskets {
        var prices: [String: Int64] = [:]
        for row in try rows("\(folder)/products.csv") {
            guard let sku = row["sku"], let cents = (row["amount"] ?? row["unit_price_cents"]).flatMap({ Int64($0) })
            else { throw Unreadable(description: "\(folder)/products.csv: \(row)") }
            prices[sku] = cents
        }
        var baskets: [Basket] = []
        for row in try rows("\(folder)/baskets.csv") {
            guard let id = row["basket_id"], let store = row["store_id"], let sku = row["sku"], prices[sku] != nil,
                let quantity = row["quantity"].flatMap({ Int64($0) })
            else { throw Unreadable(description: "\(folder)/baskets.csv: \(row)") }
            if baskets.last?.id != id { baskets.append(Basket(id: id, store: store, items: [])) }
            baskets[baskets.count - 1].items.append((sku: sku, quantity: quantity))
        }
        return GroceryBaskets(prices: prices, baskets: baskets)
    }

    /// The records of a file by their columns' names.
    private static func rows(_ path: String) throws -> [[String: String]] {
        let lines = try String(contentsOfFile: path, encoding: .utf8)
            .split(whereSeparator: \.isNewline).map { fields(Array($0.utf8)) }
        guard let header = lines.first else { return [] }
        return lines.dropFirst().map { Dictionary(zip(header, $0), uniquingKeysWith: { first, _ in first }) }
    }

    /// Splits at commas outside quotes.
    private static func fields(_ line: [UInt8]) -> [String] {
        var fields: [[UInt8]] = [[]]
        var isQuoted = false
        for byte in line {
            if byte == UInt8(ascii: "\"") {
                isQuoted.toggle()
            } else if byte == UInt8(ascii: ","), !isQuoted {
                fields.append([])
            } else {
                fields[fields.count - 1].append(byte)
            }
        }
        return fields.map { String(decoding: $0, as: UTF8.self) }
    }
}
