import Determinism
import Synchronization
import Testing

/// Waits, by yielding, until the condition holds; fails the test when it does not within ten seconds.
func eventually(_ what: Comment, at location: SourceLocation = #_sourceLocation, _ holds: () -> Bool) async {
    let time = SystemTime()
    let deadline = time.instant() + .seconds(10)
    while !holds() {
        guard time.instant() < deadline else {
            Issue.record("never happened: \(what)", sourceLocation: location)
            return
        }
        await Task.yield()
    }
}

/// What was noted, by whomever, in its order.
final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    var all: [Element] { elements.withLock { $0 } }
    func note(_ element: Element) { elements.withLock { $0.append(element) } }
}
