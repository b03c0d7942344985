import CoreMetrics
import Synchronization

/// A series that only rises, by whole steps or by fractions.
final class CounterCell: CounterHandler, FloatingPointCounterHandler {
    private let steps = Atomic<UInt64>(0)
    private let fractions = AtomicDouble(0)
    private let read: (@Sendable () -> UInt64)?

    init(read: (@Sendable () -> UInt64)? = nil) { self.read = read }

    /// As it is written: whole as long as nobody added a fraction.
    var text: String {
        if let read { return String(read()) }
        let (steps, fractions) = (steps.load(ordering: .relaxed), fractions.value)
        return fractions == 0 ? String(steps) : ExpositionPage.number(Double(steps) + fractions)
    }

    /// What is below zero is not counted.
    func increment(by amount: Int64) {
        if amount > 0 { steps.wrappingAdd(UInt64(amount), ordering: .relaxed) }
    }

    /// What is not a number above zero is not counted.
    func increment(by amount: Double) {
        if amount > 0, amount.isFinite { fractions.add(amount) }
    }

    func reset() {
        steps.store(0, ordering: .relaxed)
        fractions.value = 0
    }
}

/// A series that goes up and down: a meter, a recorder that keeps the last value only (a gauge), or what somebody else
/// knows and is asked for.
final class GaugeCell: MeterHandler, RecorderHandler {
    private let current = AtomicDouble(0)
    private let read: (@Sendable () -> Double)?

    init(read: (@Sendable () -> Double)? = nil) { self.read = read }

    var value: Double { read?() ?? current.value }

    func set(_ value: Int64) { current.value = Double(value) }
    func set(_ value: Double) { current.value = value }
    func increment(by amount: Double) { current.add(amount) }
    func decrement(by amount: Double) { current.add(-amount) }
    func record(_ value: Int64) { current.value = Double(value) }
    func record(_ value: Double) { current.value = value }
}

/// A number that any thread may add to.
struct AtomicDouble: ~Copyable, Sendable {
    private let bits: Atomic<UInt64>

    init(_ value: Double) { bits = Atomic(value.bitPattern) }

    var value: Double {
        get { Double(bitPattern: bits.load(ordering: .relaxed)) }
        nonmutating set { bits.store(newValue.bitPattern, ordering: .relaxed) }
    }

    func add(_ amount: Double) {
        var old = bits.load(ordering: .relaxed)
        while true {
            let new = (Double(bitPattern: old) + amount).bitPattern
            let (exchanged, original) = bits.weakCompareExchange(expected: old, desired: new, ordering: .relaxed)
            if exchanged { return }
            old = original
        }
    }
}
