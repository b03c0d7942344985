/// First in, first out, in one block of memory that grows by doubling.
struct RingQueue<Element>: Sequence {
    private var slots: [Element?] = []
    private var head = 0
    private(set) var count = 0

    var isEmpty: Bool { count == 0 }
    var first: Element? { count == 0 ? nil : slots[head] }

    /// The element at that distance from the first.
    subscript(index: Int) -> Element {
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
    mutating func updateFirst(_ change: (inout Element) -> Void) {
        guard count > 0, var element = slots[head] else { return }
        slots[head] = nil  // leaves one owner
        change(&element)
        slots[head] = element
    }

    mutating func append(_ element: Element) {
        growIfFull()
        slots[place(count)] = element
        count += 1
    }

    mutating func prepend(_ element: Element) {
        growIfFull()
        head = (head + slots.count - 1) & (slots.count - 1)
        slots[head] = element
        count += 1
    }

    mutating func popFirst() -> Element? {
        guard count > 0 else { return nil }
        let element = slots[head]
        slots[head] = nil
        head = (head + 1) & (slots.count - 1)
        count -= 1
        return element
    }

    /// Keeps those that satisfy the condition, in order, and hands back the others.
    mutating func removeAll(where isRemoved: (Element) -> Bool) -> [Element] {
        var removed: [Element] = []
        for _ in 0..<count {
            guard let element = popFirst() else { break }
            if isRemoved(element) { removed.append(element) } else { append(element) }
        }
        return removed
    }

    func makeIterator() -> AnyIterator<Element> {
        var index = 0
        return AnyIterator {
            guard index < count else { return nil }
            defer { index += 1 }
            return self[index]
        }
    }

    private func place(_ index: Int) -> Int { (head + index) & (slots.count - 1) }

    private mutating func growIfFull() {
        guard count == slots.count else { return }
        var larger = [Element?](repeating: nil, count: Swift.max(8, slots.count * 2))
        for index in 0..<count { larger[index] = slots[place(index)] }
        (slots, head) = (larger, 0)
    }
}

extension RingQueue: Sendable where Element: Sendable {}
