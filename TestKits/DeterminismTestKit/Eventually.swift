import Determinism
import Testing

/// Waits, by yielding, until the condition holds; fails the test when it does not within `limit` of real time.
///
/// The limit is for what never happens. It is long, because other suites may keep the processors busy meanwhile.
public func eventually(
    _ what: Comment, within limit: Duration = .seconds(30), sourceLocation: SourceLocation = #_sourceLocation,
    _ holds: () -> Bool
) async {
    let time = SystemTime()
    let deadline = time.instant() + limit
    while !holds() {
        guard time.instant() < deadline else {
            Issue.record("never happened: \(what)", sourceLocation: sourceLocation)
            return
        }
        await Task.yield()
    }
}
