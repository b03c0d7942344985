import CallPolicies
import Determinism
import Synchronization

/// Keeps calls from somebody who does not work at the moment, and finds out when that is over.
///
/// ```swift
/// let breaker = try CircuitBreaker("payments", .classic)
/// let receipt = try await breaker.run { try await provider.charge(order) }
/// ```
///
/// All decisions are ``CircuitBreakerMachine``'s. This is the lock around it, the clock, and the timeout. Nothing here
/// waits or allocates on the way of a call that goes through or is rejected, but for what ``run(isolation:_:judging:)``
/// needs to bound it.
public final class CircuitBreaker: Sendable {
    /// Whom it guards, for errors, logs and metrics.
    public let name: String
    /// Its settings.
    public let configuration: CircuitBreakerConfiguration
    @usableFromInline let classifier: CallClassifier
    private let timer: CallTimer
    private let machine: Mutex<CircuitBreakerMachine>
    private let listeners = CircuitListeners()

    /// A closed breaker.
    /// - Parameters:
    ///   - name: whom it guards, for errors, logs and metrics.
    ///   - classifier: what an error says about the health of whom is called.
    ///   - timer: the clock, and the deadlines of calls that the breaker bounds.
    ///   - random: draws for the jitter of waits.
    /// - Throws: the first setting that cannot be.
    public init(
        _ name: String, _ configuration: CircuitBreakerConfiguration = CircuitBreakerConfiguration(),
        classifier: CallClassifier = .standard, timer: CallTimer = .system, random: any RandomSource = SystemRandom()
    ) throws(CircuitBreakerConfigurationError) {
        try configuration.validate()
        (self.name, self.configuration) = (name, configuration)
        (self.classifier, self.timer) = (classifier, timer)
        machine = Mutex(CircuitBreakerMachine(configuration, seed: random.next()))
    }

    // MARK: - Calls

    /// Makes a call under the breaker, bounded by the configured timeout and by ``CallDeadline``.
    /// - Parameters:
    ///   - operation: the call. Cancelled, and not waited for any longer, when its time is up.
    ///   - result: what an answer says about the health of who gave it; a success, unless told otherwise. The answer is
    ///     returned in any case.
    /// - Throws: ``CircuitOpenError`` when the call was not made, `CallTimeoutError` when its time was up, else what
    ///   the operation throws.
    public func run<Value: Sendable>(
        isolation: isolated (any Actor)? = #isolation, _ operation: @escaping @Sendable () async throws -> Value,
        judging result: (Value) -> CallOutcome = { _ in .success }
    ) async throws -> Value {
        guard let timeout = configuration.timeout else { return try await runUnbounded(operation, judging: result) }
        let bound = try CallBound(timeout, timer: timer)
        let permit = try acquire()
        let answer: Value?
        do {
            answer = try await bound.run(operation)
        } catch {
            permit.record(classifier.outcome(of: error))
            throw error
        }
        guard let answer else {
            let error = bound.error
            // A call that was cancelled by its caller and is slow to notice says nothing either.
            if error.cause == .limit, !Task.isCancelled { permit.recordTimeout() } else { permit.record(.ignored) }
            throw error
        }
        permit.record(result(answer))
        return answer
    }

    /// Makes a call that bounds itself: the configured timeout does not apply, and the call runs in the caller's own
    /// task.
    /// - Throws: ``CircuitOpenError`` when the call was not made, else what the operation throws.
    @inlinable
    public func runUnbounded<Value>(
        isolation: isolated (any Actor)? = #isolation,
        _ operation: () async throws -> Value, judging result: (Value) -> CallOutcome = { _ in .success }
    ) async throws -> Value {
        let permit = try acquire()
        let value: Value
        do {
            value = try await operation()
        } catch {
            permit.record(classifier.outcome(of: error))
            throw error
        }
        permit.record(result(value))
        return value
    }

    /// Asks for leave to make one call, for those who cannot use a closure. Report what becomes of it with
    /// ``CircuitPermit/record(_:)``.
    public func acquire() throws(CircuitOpenError) -> CircuitPermit {
        let admission = machine.withLock { machine in
            // Under the lock, here and below: readings come in their order then.
            let admission = machine.admit(now: timer.instant())
            publishChanges(of: &machine)
            return admission
        }
        switch admission {
        case .admitted(let ticket): return CircuitPermit(ticket, of: self)
        case .rejected(let rejection): throw CircuitOpenError(circuit: name, rejection: rejection)
        }
    }

    /// Reports the outcome of a call whose permit was detached.
    @discardableResult public func record(_ ticket: CallTicket, _ outcome: CallOutcome) -> CallStanding {
        record(ticket, outcome, isTimeout: false)
    }

    func record(_ ticket: CallTicket, _ outcome: CallOutcome, isTimeout: Bool) -> CallStanding {
        machine.withLock { machine in
            let standing = machine.record(ticket, outcome, isTimeout: isTimeout, now: timer.instant())
            publishChanges(of: &machine)
            return standing
        }
    }

    func release(_ ticket: CallTicket) { change { $0.release(ticket, now: $1) } }

    // MARK: - Operators

    /// Says who decides from now on. The circuit is closed then, and forgets the calls so far; the mode that it is in
    /// already changes nothing.
    public func setMode(_ mode: CircuitMode) { change { $0.setMode(mode, now: $1) } }
    /// Opens the circuit now, for `wait` or for what its settings say; then probes are let through.
    public func open(for wait: Duration? = nil) { change { $0.open(for: wait, now: $1) } }
    /// Closes the circuit now and forgets the calls so far.
    public func close() { change { $0.close(now: $1) } }
    /// Lets the next calls through as probes now, if the circuit is open.
    public func tryNow() { change { $0.tryNow(now: $1) } }

    // MARK: - Looking

    /// What it counts and where it stands.
    public var snapshot: CircuitSnapshot {
        machine.withLock { machine in
            let now = timer.instant()
            machine.observe(now: now)
            publishChanges(of: &machine)
            return CircuitSnapshot(name: name, machine, now: now)
        }
    }

    /// Whether nothing would be lost with it but counts: it would let the next call through.
    var isExpendable: Bool {
        machine.withLock { $0.mode == configuration.mode && $0.wouldAdmit(now: timer.instant()) }
    }

    /// The changes of state and mode from now on, in their order.
    /// - Parameter limit: how many are kept for a listener that is slower; older ones are dropped, which shows as a gap
    ///   in ``CircuitChange/sequence``.
    public func changes(bufferingNewest limit: Int = 64) -> AsyncStream<CircuitChange> {
        listeners.listen(bufferingNewest: limit)
    }

    private func change(_ body: (inout CircuitBreakerMachine, Instant) -> Void) {
        machine.withLock { machine in
            body(&machine, timer.instant())
            publishChanges(of: &machine)
        }
    }

    /// Under the lock, so that listeners hear of changes in their order. Nobody's code runs here: a stream only keeps
    /// what it is given.
    private func publishChanges(of machine: inout CircuitBreakerMachine) {
        if machine.hasChanges { listeners.publish(machine.takeChanges()) }
    }
}

extension CircuitBreaker: CallPolicy {
    /// Between a bulkhead and a timeout.
    public typealias Place = BreakerPlace

    /// Makes the call under the breaker.
    public func call<Value: Sendable>(
        _ operation: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await run(operation)
    }
}
