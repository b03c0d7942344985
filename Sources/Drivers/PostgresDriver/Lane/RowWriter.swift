/// The transaction that wrote a row, its `xmin`.
enum RowWriter: Sendable, Hashable {
    case known(UInt32)
    /// The batch before, which has no number until it has been answered.
    case leader

    func number(leader: UInt32) -> UInt32 {
        switch self {
        case .known(let number): number
        case .leader: leader
        }
    }
}

/// The transactions that wrote the rows of one statement.
enum RowWriters: Sendable {
    case one(RowWriter)
    case list([RowWriter])
}
