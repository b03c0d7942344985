import Storage

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

/// What a saga knows and its steps change: a value that is stored with the saga's row in each commit.
///
/// A `Codable` type needs nothing but the conformance: it is stored as JSON with sorted keys. A type on a hot path may
/// write its own text.
public protocol SagaState: Sendable {
    /// Reads what ``stored()`` wrote.
    /// - Throws: an error that says what is wrong with the text
    init(stored text: String) throws
    /// The value as text.
    func stored() throws -> String
}

extension SagaState where Self: Codable {
    /// Reads JSON.
    public init(stored text: String) throws {
        self = try JSONDecoder().decode(Self.self, from: Data(text.utf8))
    }
    /// JSON with sorted keys, so that equal values are equal texts.
    public func stored() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }
}
