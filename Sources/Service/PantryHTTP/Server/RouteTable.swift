// Finds the route of a request.
//
// A tree of path segments, built once and then only read. In each node a literal segment beats the parameter; when the
// literal's subtree has no answer for the method, the search comes back and tries the parameter, so that
// `GET /v1/sessions/current` and `DELETE /v1/sessions/{id}` can both exist.

import HTTPTypes

/// Two routes that cannot both be in the table, or a pattern that is none.
package struct RouteError: Error, Sendable, Equatable, CustomStringConvertible {
    package var description: String
}

/// Every route, by path and method.
package struct RouteTable: Sendable {
    package enum Lookup: Equatable {
        /// An index into `entries`, and the parameters' values in the pattern's order, decoded.
        case found(Int, values: [String])
        /// The path exists, but not with this method. What it takes, as `Allow` lists it.
        case notAllowed(allow: String)
        /// `OPTIONS` on a path that exists.
        case options(allow: String)
        case unknown
        /// A segment is not valid percent-encoded UTF-8.
        case malformed
    }

    /// A route with what the server needs of it at each request, worked out once.
    package struct Entry: Sendable {
        package var route: Route
        package var parameterNames: [String]
        /// Whether it is served only once the server is ready.
        var waitsForReadiness: Bool
        /// The media types in lower case.
        var bodyKinds: [String]
    }

    private struct Node: Sendable {
        var literals: [String: Int] = [:]
        var parameter: Int?
        var endpoints: [(method: HTTPRequest.Method, entry: Int)] = []
    }

    package private(set) var entries: [Entry] = []
    private var nodes = [Node()]

    /// - Throws: `RouteError` when two routes have the same method and shape, or a pattern is malformed.
    package init(_ routes: [Route]) throws(RouteError) {
        for route in routes { try add(route) }
    }

    // MARK: Building

    private mutating func add(_ route: Route) throws(RouteError) {
        guard route.pattern.first == "/" else {
            throw RouteError(description: "\(route.pattern): a pattern starts with /")
        }
        var names: [String] = []
        var node = 0
        let segments =
            route.pattern == "/"
            ? []
            : route.pattern.dropFirst().split(
                separator: "/", omittingEmptySubsequences: false)
        for segment in segments {
            if let name = try Self.parameterName(segment, in: route.pattern) {
                guard !names.contains(name) else {
                    throw RouteError(description: "\(route.pattern): {\(name)} occurs twice")
                }
                names.append(name)
                node = child(of: node)
            } else {
                node = child(of: node, literal: String(segment))
            }
        }
        if nodes[node].endpoints.contains(where: { $0.method == route.method }) {
            throw RouteError(description: "\(route.method) \(route.pattern): there is a route of this shape already")
        }
        nodes[node].endpoints.append((route.method, entries.count))
        entries.append(
            Entry(
                route: route, parameterNames: names,
                waitsForReadiness: segments.first == "v1" || segments.first == "ops",
                bodyKinds: route.bodyKinds.map { $0.lowercased() }))
    }

    private static func parameterName(_ segment: Substring, in pattern: String) throws(RouteError) -> String? {
        guard segment.contains(where: { $0 == "{" || $0 == "}" }) else {
            guard !segment.isEmpty else { throw RouteError(description: "\(pattern): a segment is empty") }
            return nil
        }
        let name = segment.dropFirst().dropLast()
        guard segment.first == "{", segment.last == "}", !name.isEmpty, name.allSatisfy({ $0 != "{" && $0 != "}" })
        else {
            throw RouteError(description: "\(pattern): \(segment) is neither a parameter nor a literal")
        }
        return String(name)
    }

    private mutating func child(of node: Int) -> Int {
        if let known = nodes[node].parameter { return known }
        nodes.append(Node())
        nodes[node].parameter = nodes.count - 1
        return nodes.count - 1
    }

    private mutating func child(of node: Int, literal: String) -> Int {
        if let known = nodes[node].literals[literal] { return known }
        nodes.append(Node())
        nodes[node].literals[literal] = nodes.count - 1
        return nodes.count - 1
    }

    // MARK: Looking up

    /// Finds the route of a path that is still percent-encoded. `HEAD` finds the route of `GET`.
    package func find(_ method: HTTPRequest.Method, _ path: Substring) -> Lookup {
        var search = Search(method: method == .head ? .get : method, isHead: method == .head)
        guard path.first == "/" else { return .unknown }
        let rest = path == "/" ? path.dropFirst() : path
        if let entry = match(0, rest.utf8, &search) { return .found(entry, values: search.values) }
        if search.isMalformed { return .malformed }
        guard !search.others.isEmpty else { return .unknown }
        let allow = Self.allowList(search.others)
        return method == .options ? .options(allow: allow) : .notAllowed(allow: allow)
    }

    private struct Search {
        var method: HTTPRequest.Method
        var isHead: Bool
        var values: [String] = []
        /// Methods of paths that matched but did not take this one.
        var others: [HTTPRequest.Method] = []
        var isMalformed = false
    }

    private func match(_ node: Int, _ rest: Substring.UTF8View, _ search: inout Search) -> Int? {
        guard rest.first == UInt8(ascii: "/") else { return endpoint(node, &search) }
        let start = rest.index(after: rest.startIndex)
        let end = rest[start...].firstIndex(of: UInt8(ascii: "/")) ?? rest.endIndex
        guard let segment = PercentDecoding.decode(Substring(rest[start..<end])) else {
            search.isMalformed = true
            return nil
        }
        if let literal = nodes[node].literals[segment], let entry = match(literal, rest[end...], &search) {
            return entry
        }
        guard let parameter = nodes[node].parameter, !segment.isEmpty else { return nil }
        search.values.append(segment)
        if let entry = match(parameter, rest[end...], &search) { return entry }
        search.values.removeLast()
        return nil
    }

    private func endpoint(_ node: Int, _ search: inout Search) -> Int? {
        let endpoints = nodes[node].endpoints
        if search.isHead, let own = endpoints.first(where: { $0.method == .head }) { return own.entry }
        if let found = endpoints.first(where: { $0.method == search.method }) { return found.entry }
        search.others.append(contentsOf: endpoints.map(\.method))
        return nil
    }

    private static func allowList(_ methods: [HTTPRequest.Method]) -> String {
        let order: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete]
        var names = order.filter { methods.contains($0) || ($0 == .head && methods.contains(.get)) }.map(\.rawValue)
        names += Set(methods).subtracting(order).subtracting([.options]).map(\.rawValue).sorted()
        return (names + ["OPTIONS"]).joined(separator: ", ")
    }
}
