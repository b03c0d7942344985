import Foundation

/// The package's targets and what they depend on.
struct TargetGraph: Sendable {
    struct Node: Sendable {
        let name: String
        let path: String
        /// `regular`, `executable`, `test`, `system`, `plugin` or `macro`, as the package manager prints it.
        let kind: String
        /// Targets of this package.
        let targets: [String]
        /// Products of other packages.
        let products: [String]

        init(_ name: String, path: String, kind: String = "regular", targets: [String] = [], products: [String] = []) {
            (self.name, self.path, self.kind, self.targets, self.products) = (name, path, kind, targets, products)
        }
    }

    let nodes: [Node]

    init(_ nodes: [Node]) { self.nodes = nodes }

    /// Reads what `swift package dump-package` prints.
    init(dump: Data) throws {
        let manifest = try JSONDecoder().decode(Manifest.self, from: dump)
        let names = Set(manifest.targets.map(\.name))
        nodes = manifest.targets.map { target in
            let all = target.dependencies.flatMap(\.names)
            return Node(
                target.name, path: target.path ?? "", kind: target.type, targets: all.filter(names.contains),
                products: all.filter { !names.contains($0) })
        }
    }

    private struct Manifest: Decodable {
        struct Target: Decodable {
            let name: String
            let type: String
            let path: String?
            let dependencies: [Dependency]
        }

        /// `{"byName": ["Name", null]}`, `{"target": ["Name", null]}` or `{"product": ["Name", "package", null]}`.
        struct Dependency: Decodable {
            let names: [String]

            init(from decoder: any Decoder) throws {
                let kinds = try decoder.singleValueContainer().decode([String: FirstName].self)
                names = kinds.values.map(\.name)
            }
        }

        struct FirstName: Decodable {
            let name: String

            init(from decoder: any Decoder) throws {
                var list = try decoder.unkeyedContainer()
                name = try list.decode(String.self)
            }
        }

        let targets: [Target]
    }
}

/// The floors of the house. An arrow may only point down.
enum Floor: Int, Sendable, Comparable, CustomStringConvertible {
    case base, patterns, drivers, domain, service, executables

    static func < (left: Floor, right: Floor) -> Bool { left.rawValue < right.rawValue }

    var description: String { "\(rawValue)" }

    init?(_ node: TargetGraph.Node) {
        let parts = node.path.split(separator: "/")
        guard parts.count > 1, parts[0] == "Sources" else { return nil }
        if node.kind == "executable" {
            self = .executables
            return
        }
        switch parts[1] {
        case "Base": self = .base
        case "Patterns": self = .patterns
        case "Drivers": self = .drivers
        case "Domain": self = .domain
        case "Service": self = .service
        default: return nil
        }
    }
}

/// Which arrows the floors forbid.
enum Floors {
    /// Patterns that the domain is written with; every other pattern is wrapped around its ports from outside.
    static let patternsOfTheDomain: Set<String> = ["Sagas", "Messaging"]

    /// Products of other packages that floors without drivers may use: no I/O, no HTTP.
    static let quietProducts: Set<String> = ["Crypto", "Logging"]

    static func violations(in graph: TargetGraph) -> [String] {
        let nodes = Dictionary(graph.nodes.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        return graph.nodes.flatMap { node -> [String] in
            if node.kind == "test" || node.path.hasPrefix("TestKits/") { return [] }
            guard let floor = Floor(node) else { return ["\(node.name) stands on no floor: \(node.path)"] }
            let arrows = node.targets.sorted().compactMap { name -> String? in
                guard let other = nodes[name] else { return nil }
                return violation(from: node, on: floor, to: other)
            }
            return arrows + productViolations(of: node, on: floor)
        }
    }

    private static func violation(from node: TargetGraph.Node, on floor: Floor, to other: TargetGraph.Node) -> String? {
        guard let below = Floor(other) else { return "\(node.name) sees \(other.name), which is on no floor" }
        if below > floor { return "\(node.name) on floor \(floor) sees \(other.name) above it on floor \(below)" }
        if below == floor, floor != .base, !isModuleMap(other, of: floor) {
            return "\(node.name) sees its neighbor \(other.name) on floor \(floor)"
        }
        if floor == .domain, below != .base, !patternsOfTheDomain.contains(other.name) {
            return "\(node.name) may see base, Sagas and Messaging only, not \(other.name)"
        }
        return nil
    }

    /// A driver's C library is a target of its own that holds a module map and nothing else.
    private static func isModuleMap(_ node: TargetGraph.Node, of floor: Floor) -> Bool {
        floor == .drivers && node.kind == "system"
    }

    private static func productViolations(of node: TargetGraph.Node, on floor: Floor) -> [String] {
        guard [.base, .patterns, .domain].contains(floor) else { return [] }
        return node.products.sorted().filter { !quietProducts.contains($0) }.map {
            "\(node.name) on floor \(floor) uses \($0) of another package"
        }
    }
}
