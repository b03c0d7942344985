import CoreMetrics
import Synchronization

/// The counters of one metric, made when they are first needed and then found without asking the factory again, which
/// would take longer than counting.
final class CounterFamily<Key: Hashable & Sendable>: Sendable {
    private let label: String
    private let factory: any MetricsFactory
    private let dimensions: @Sendable (Key) -> [(String, String)]
    private let counters = Mutex<[Key: Counter]>([:])

    /// - Parameter dimensions: the labels of a key; there must be few keys.
    init(_ label: String, _ factory: any MetricsFactory, _ dimensions: @escaping @Sendable (Key) -> [(String, String)])
    {
        (self.label, self.factory, self.dimensions) = (label, factory, dimensions)
    }

    func increment(_ key: Key) {
        let counter = counters.withLock { counters in
            if let counter = counters[key] { return counter }
            let counter = Counter(label: label, dimensions: dimensions(key), factory: factory)
            counters[key] = counter
            return counter
        }
        counter.increment()
    }
}
