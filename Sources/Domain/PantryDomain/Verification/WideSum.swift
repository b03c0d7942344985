import Storage

/// Sums of 64-bit numbers that may need more than 64 bits, in SQL that both engines know: what has gone wrong is to be
/// found, and SQLite's `SUM` fails where it does not fit.
///
/// Each number is summed in two halves, `x / 2³²` and `x % 2³²`, which both engines cut towards zero. Neither sum can
/// overflow with fewer than 2³¹ rows.
enum WideSum {
    private static let base: Int64 = 1 << 32

    /// The two columns of each sum.
    static func columns(_ expressions: String...) -> String {
        expressions.map { "\(high($0)), \(low($0))" }.joined(separator: ", ")
    }

    /// The condition that two sums are not the same. Where the product leaves 64 bits, SQLite goes on with a floating
    /// point number, which is not exact and far from zero.
    static func differ(_ a: String, _ b: String) -> String {
        "(\(high(a)) - \(high(b))) * \(base) + (\(low(a)) - \(low(b))) <> 0"
    }

    /// The sum whose columns begin at `column`.
    static func read(_ row: SQLRow, at column: Int) throws -> Int128 {
        Int128(try row.integer(column)) * Int128(base) + Int128(try row.integer(column + 1))
    }

    private static func high(_ expression: String) -> String { "SUM((\(expression)) / \(base))" }
    private static func low(_ expression: String) -> String { "SUM((\(expression)) % \(base))" }
}
