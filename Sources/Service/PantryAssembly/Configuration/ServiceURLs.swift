/// Where a database is.
package enum DatabaseURL: Sendable, Equatable, Hashable {
    /// A file, by its absolute path.
    case sqlite(path: String)
}

/// Where the cache is.
package enum CacheURL: Sendable, Equatable {
    /// In this process.
    case memory
}

/// What carries events between the processes.
package enum BusURL: Sendable, Equatable {
    /// Within this process.
    case local
}

extension DatabaseURL {
    /// The same with an absolute path: a relative one is under `directory`, the configuration's `data.directory`.
    package func resolved(under directory: String) -> DatabaseURL {
        switch self {
        case .sqlite(let path): .sqlite(path: ConfiguredPath.resolve(path, under: directory))
        }
    }
}

extension ValueFormat<DatabaseURL> {
    /// The path is as written; `resolved(under:)` makes it absolute once the directory is known.
    static var database: ValueFormat {
        ValueFormat(
            type: "`sqlite:PATH` or `postgres://…`", support: "`sqlite:`, `postgres://` not yet", display: .url
        ) { text throws(ValueComplaint) in
            try refuse(["postgres", "postgresql"], in: text, use: "use sqlite:PATH")
            guard var path = after("sqlite", in: text) else {
                throw ValueComplaint("must be sqlite:PATH, such as sqlite:pantry.db")
            }
            if path.hasPrefix("//") {
                guard path.hasPrefix("///") else {
                    throw ValueComplaint("has a host; write sqlite:PATH or sqlite:///PATH")
                }
                path = path.dropFirst(2)
            }
            if path.isEmpty || path.hasSuffix("/") { throw ValueComplaint("names no file; write sqlite:PATH") }
            if path.hasPrefix(":") { throw ValueComplaint("must be a file; a database in memory would be lost") }
            if path.contains("?") || path.contains("#") { throw ValueComplaint("takes no parameters: sqlite:PATH") }
            try ConfiguredPath.check(String(path))
            return .sqlite(path: String(path))
        }
    }
}

extension ValueFormat<CacheURL> {
    static var cache: ValueFormat {
        ValueFormat(type: "`memory:` or `redis://…`", support: "`memory:`, `redis://` not yet", display: .url) {
            text throws(ValueComplaint) in
            try refuse(["redis", "rediss"], in: text, use: "use memory:")
            guard after("memory", in: text) == "" else { throw ValueComplaint("must be memory:") }
            return .memory
        }
    }
}

extension ValueFormat<BusURL> {
    static var bus: ValueFormat {
        ValueFormat(
            type: "`local:`, `redis://…` or `amqp://…`", support: "`local:`, `redis://` and `amqp://` not yet",
            display: .url
        ) { text throws(ValueComplaint) in
            try refuse(["redis", "rediss", "amqp", "amqps"], in: text, use: "use local:")
            guard after("local", in: text) == "" else { throw ValueComplaint("must be local:") }
            return .local
        }
    }
}

/// What follows a scheme and its colon, or nil if the text has another scheme; schemes ignore case.
private func after(_ scheme: String, in text: String) -> Substring? {
    guard let colon = text.firstIndex(of: ":"), text[..<colon].lowercased() == scheme else { return nil }
    return text[text.index(after: colon)...]
}

/// Refuses by name the schemes of a later version.
private func refuse(_ schemes: [String], in text: String, use now: String) throws(ValueComplaint) {
    for scheme in schemes where after(scheme, in: text) != nil { throw .notYet("\(scheme)://", use: now) }
}
