import PostgresDriver
import RedisDriver

/// Where a database is.
package enum DatabaseURL: Sendable, Equatable, Hashable {
    /// A file, by its absolute path.
    case sqlite(path: String)
    /// A PostgreSQL database, by its URL, which may hold a password.
    case postgres(url: String)

    /// Whether several servers may use it at the same time.
    package var isShared: Bool { if case .postgres = self { true } else { false } }
}

/// Where the cache is.
package enum CacheURL: Sendable, Equatable {
    /// In this process.
    case memory
    /// In Redis, by its URL, which may hold a password.
    case redis(url: String)
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
        case .postgres: self
        }
    }
}

extension ValueFormat<DatabaseURL> {
    /// The path is as written; `resolved(under:)` makes it absolute once the directory is known.
    static var database: ValueFormat {
        ValueFormat(
            type: "`sqlite:PATH` or `postgres://…`", display: .url
        ) { text throws(ValueComplaint) in
            if after("postgres", in: text) != nil || after("postgresql", in: text) != nil {
                do throws(PostgresConfigurationError) { _ = try PostgresConfiguration(url: text) } catch {
                    throw ValueComplaint("is not a database's URL: \(error)")
                }
                return .postgres(url: text)
            }
            guard var path = after("sqlite", in: text) else {
                throw ValueComplaint(
                    "must be sqlite:PATH, such as sqlite:pantry.db, or postgres://USER:PASSWORD@HOST:PORT/DATABASE")
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
        ValueFormat(type: "`memory:`, `redis://…` or `rediss://…`", display: .url) { text throws(ValueComplaint) in
            if after("memory", in: text) == "" { return .memory }
            guard after("redis", in: text) != nil || after("rediss", in: text) != nil else {
                throw ValueComplaint(
                    "must be memory:, or redis://USER:PASSWORD@HOST:PORT/NUMBER, or the same with rediss:// for TLS")
            }
            do throws(RedisConfigurationError) { _ = try RedisConfiguration(url: text) } catch {
                throw ValueComplaint("is not a Redis URL: \(error)")
            }
            return .redis(url: text)
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
