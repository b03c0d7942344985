import Determinism

/// Polls a condition, yielding in between, for at most `limit` of real time.
/// - Returns: whether it came to hold.
public func holdsEventually(within limit: Duration = .seconds(10), _ condition: () -> Bool) async -> Bool {
    let time = SystemTime()
    let deadline = time.instant() + limit
    while !condition() {
        guard time.instant() < deadline else { return false }
        await Task.yield()
    }
    return true
}
