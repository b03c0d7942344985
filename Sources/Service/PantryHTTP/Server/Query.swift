/// A query string, decoded, in its order and with its duplicates.
package struct Query: Sendable, Equatable {
    package struct Item: Sendable, Equatable {
        package var name: String
        package var value: String

        package init(name: String, value: String) {
            self.name = name
            self.value = value
        }
    }

    package static let empty = Query(items: [])

    package var items: [Item]

    package init(items: [Item]) {
        self.items = items
    }

    /// - Parameter text: what follows the question mark. `+` is a space, as forms write it.
    /// - Returns: nil when a name or a value is not valid percent-encoded UTF-8.
    package init?(decoding text: Substring) {
        var items: [Item] = []
        for pair in text.split(separator: "&") {
            let equals = pair.firstIndex(of: "=")
            let rawName = pair[..<(equals ?? pair.endIndex)]
            let rawValue = equals.map { pair[pair.index(after: $0)...] } ?? ""
            guard let name = PercentDecoding.decode(rawName, plusIsSpace: true),
                let value = PercentDecoding.decode(rawValue, plusIsSpace: true)
            else { return nil }
            items.append(Item(name: name, value: value))
        }
        self.items = items
    }

    /// The first value of this name. A route that must not take a repeated name looks at `values(of:)`.
    package subscript(name: String) -> String? {
        items.first { $0.name == name }?.value
    }

    /// Every value of this name, in order: more than one when the client repeated it.
    package func values(of name: String) -> [String] {
        items.filter { $0.name == name }.map(\.value)
    }

    /// A name that occurs twice or more, if there is one.
    package var firstRepeatedName: String? {
        var seen: Set<String> = []
        return items.first { !seen.insert($0.name).inserted }?.name
    }
}
