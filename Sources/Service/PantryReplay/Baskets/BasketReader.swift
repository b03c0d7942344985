import StrictJSON

/// The baskets of a file, one after the other: CSV with the columns `basket_id`, `sku`, `quantity` and, if it has
/// them, `store_id` and `placed_at`, where the lines of a basket stand together; or NDJSON with one basket a line.
/// What a file begins with tells which.
package struct BasketReader: Sendable {
    private enum Format: Sendable {
        case csv(CSVBaskets)
        case ndjson
    }
    private var lines: LineReader
    private var format: Format?

    /// - Parameter next: gives the file's next piece; an empty one is its end.
    package init(_ next: @escaping @Sendable () async throws(BasketFileError) -> [UInt8]) { lines = LineReader(next) }

    /// Reads a file.
    /// - Parameter stop: ends it, also while it waits for a pipe.
    package init(_ file: BasketFile, until stop: StopSign) {
        self.init { () async throws(BasketFileError) in try await file.piece(until: stop) }
    }

    /// The next basket, or what is wrong with it; nil at the end.
    /// - Throws: ``BasketFileError`` when this is no basket file, or cannot be read on.
    package mutating func next() async throws(BasketFileError) -> BasketEntry? {
        switch try await knownFormat() {
        case .csv(var baskets):
            defer { format = .csv(baskets) }
            return try await baskets.next(&lines)
        case .ndjson:
            while let line = try await lines.line() {
                if line.bytes.isEmpty { continue }
                return NDJSONBasket.entry(line)
            }
            return nil
        }
    }

    private mutating func knownFormat() async throws(BasketFileError) -> Format {
        if let format { return format }
        while let line = try await lines.line() {
            guard let first = line.bytes.first(where: { $0 > 32 }) else { continue }
            lines.unread(line)
            let found: Format = first == UInt8(ascii: "{") ? .ndjson : .csv(try await CSVBaskets(&lines))
            format = found
            return found
        }
        throw BasketFileError("there are no baskets: the file is empty")
    }
}
