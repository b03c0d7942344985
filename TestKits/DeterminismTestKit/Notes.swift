import Synchronization

/// What was noted, by whomever, in its order.
public final class Notes<Element: Sendable>: Sendable {
    private let elements = Mutex<[Element]>([])

    /// No notes.
    public init() {}

    /// Everything so far.
    public var all: [Element] { elements.withLock { $0 } }
    /// Adds one.
    public func note(_ element: Element) { elements.withLock { $0.append(element) } }
}
