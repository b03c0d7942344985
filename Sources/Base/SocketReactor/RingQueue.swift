/// First in, first out, in one block of memory that grows by doubling.
///
/// Public and inlinable, unlike what is around it: a queue of another module's type is slow unless the compiler makes
/// one for that type, and it does so across modules for what is public only.
public struct RingQueue<Element>: Sequence {
    @usableFromInline var slots: [Element?] = []
    @usableFromInline var head = 0
    /// How many there are.
    @usableFromInline var size = 0

    /// An empty one.
    @inlinable public init() {}

    /// How many there are.
    @inlinable public var count: Int { size }

    /// Whether there is none.
    @inlinable public var isEmpty: Bool { count == 0 }
    /// The one that was put in first.
    @inlinable public var first: Element? { count == 0 ? nil : slots[head] }

    /// The element at that distance from the first.
    @inlinable public subscript(index: Int) -> Element {
        get {
            guard index < count, let element = slots[place(index)] else { preconditionFailure("no element \(index)") }
            return element
        }
        set {
            precondition(index < count, "no element \(index)")
            slots[place(index)] = newValue
        }
    }

    /// Changes the first element where it is.
    @inlinable public mutating func updateFirst(_ change: (inout Element) -> Void) {
        guard count > 0, var element = slots[head] else { return }
        slots[head] = nil  // leaves one owner
        change(&element)
        slots[head] = element
    }

    /// Behind all others.
    @inlinable public mutating func append(_ element: Element) {
        growIfFull()
        slots[place(count)] = element
        size += 1
    }

    /// Before all others.
    @inlinable public mutating func prepend(_ element: Element) {
        growIfFull()
        head = (head + slots.count - 1) & (slots.count - 1)
        slots[head] = element
        size += 1
    }

    /// Takes the first one out.
    @inlinable public mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = (head + 1) & (slots.count - 1)
        size -= 1
        return element
    }

    /// Keeps those that satisfy the condition, in order, and hands back the others.
    @inlinable public mutating func removeAll(where isRemoved: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        for _ in 0..<count {
            guard let element = popFirst() else { break }
            if isRemoved(element) { removed.append(element) } else { append(element) }
        }
        return removed
    }

    /// All, in order.
    @inlinable public func makeIterator() -> AnyIterator<Element> {
        var index = 0
        return AnyIterator {
            guard index < count else { return nil }
            defer { index += 1 }
            return self[index]
        }
    }

    @inlinable func place(_ index: Int) -> Int { (head + index) & (slots.count - 1) }

    @inlinable mutating func growIfFull() {
        guard count == slots.count else { return }
        var larger = [Element?](repeating: nil, count: Swift.max(8, slots.count * 2))
        for index in 0..<count { larger[index] = slots[place(index)] }
        (slots, head) = (larger, 0)
    }
}

extension RingQueue: Sendable where Element: Sendable {}
