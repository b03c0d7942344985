/// The cases as JSON, for tests in any language: `case`, `limits` (by name; a variant with other numbers behind a dot),
/// `steps` (`at`, `do`, `times`, `checks`, then what is expected: `allowed`, `binding`, `verdicts`). All times are
/// microseconds.
public enum RateLimitCaseText {
    /// Each an array of cases.
    public static let parts = [buckets, windows, several, changes]
}
