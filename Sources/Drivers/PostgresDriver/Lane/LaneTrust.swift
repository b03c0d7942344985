/// Whether a batch may go by rows that it has not locked, remembered or just read, which its writes then have to
/// confirm: each time that one was deceived, more of those that follow may not. Where other servers keep changing the
/// same rows, doing without locks costs a trip and saves none.
struct LaneTrust {
    private static let shortestPause = 8
    private static let longestPause = 1_024
    /// How many batches still have to lock what they read.
    private var pause = 0
    private var nextPause = Self.shortestPause

    /// Whether the next batch may, without its being counted.
    var wouldBeGiven: Bool { pause == 0 }
    /// Whether the next batch may.
    mutating func isGiven() -> Bool {
        if pause == 0 { return true }
        pause -= 1
        return false
    }
    /// All rows were as they had been taken for.
    mutating func wasRight() { nextPause = max(Self.shortestPause, nextPause / 2) }
    /// One was not.
    mutating func wasWrong() { (pause, nextPause) = (nextPause, min(Self.longestPause, nextPause * 2)) }
}
