import Foundation

/// The cases as JSON, for tests in any language: an array of `case`, `limits` (by name; a variant with other numbers
/// behind a dot), `steps` (`at`, `do`, `times`, `checks`, then what is expected: `allowed`, `binding`, `verdicts`). All
/// times are microseconds.
public enum RateLimitCaseText {
    /// Where the cases are: `Cases/rate-limit-cases.json` beside the kit's sources.
    public static var path: String {
        URL(fileURLWithPath: #filePath).deletingLastPathComponent()
            .appendingPathComponent("Cases/rate-limit-cases.json").path
    }

    /// All cases, as they stand in the file.
    /// - Throws: ``RateLimitCaseError`` with the place looked at, when the package's sources are not there any more.
    public static func all() throws(RateLimitCaseError) -> [UInt8] {
        guard let data = FileManager.default.contents(atPath: path) else {
            throw RateLimitCaseError(description: "there are no cases at \(path); they are read from the sources")
        }
        return Array(data)
    }
}
