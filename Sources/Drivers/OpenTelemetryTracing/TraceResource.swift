/// Who records the spans.
public struct TraceResource: Sendable, Hashable {
    /// `service.name` and what else describes the process, sorted by key when written.
    public var attributes: [String: String]
    /// The instrumentation scope's name.
    public var scope: String
    /// The instrumentation scope's version.
    public var scopeVersion: String

    /// A resource.
    public init(attributes: [String: String], scope: String, scopeVersion: String) {
        (self.attributes, self.scope, self.scopeVersion) = (attributes, scope, scopeVersion)
    }
}
