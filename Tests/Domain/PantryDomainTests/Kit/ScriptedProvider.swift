import Determinism
import DeterminismTestKit
import Sagas
import Synchronization

@testable import PantryDomain

/// What a provider can be asked for.
enum Verb: String, Sendable, CaseIterable {
    case authorize
    case capture
    case void
    case refund
    case lookup
}

/// What becomes of one call on its way to the provider and back.
enum Fate: Sendable, Hashable {
    /// It arrives, and its answer comes back.
    case pass
    /// The provider refuses.
    case refuse(String)
    /// It is never sent, and the caller knows that.
    case notSent
    /// It takes effect, and the answer is lost.
    case unknownButDone
    /// It is lost on its way.
    case unknownAndLost
    /// The caller gives up on it, and it arrives later: with ``ScriptedProvider/deliver()``.
    case delayed
    /// It neither arrives nor comes back before ``ScriptedProvider/resume()``.
    case hang
    /// Nothing is sent, for a minute at least: the circuit is open.
    case unavailable
    /// The same, but only known after ``ScriptedProvider/resume()``.
    case hangThenUnavailable
}

/// A provider behind a network that does as it is told.
final class ScriptedProvider: PaymentProvider {
    typealias Draw = @Sendable (Verb) -> Fate
    private let inner: any PaymentProvider
    private let draw: Draw
    private let log = Mutex<[Verb]>([])
    private let late = Mutex<[@Sendable () async -> Void]>([])
    private let gate = Gate()

    init(_ inner: any PaymentProvider, draw: @escaping Draw) { (self.inner, self.draw) = (inner, draw) }

    /// What it was asked for, in order.
    var calls: [Verb] { log.withLock { $0 } }
    /// How many calls hang.
    var hangingCount: Int { gate.waitingCount }

    /// Lets everything that is late arrive.
    func deliver() async {
        let arriving = late.withLock { late in
            defer { late = [] }
            return late
        }
        for arrive in arriving { await arrive() }
    }
    /// Lets calls that hang go on.
    func resume() { gate.open() }

    func authorize(_ charge: ProviderCharge, capture: Bool) async -> CallResult {
        await call(.authorize) { await $0.authorize(charge, capture: capture) }
    }
    func capture(_ charge: ProviderCharge) async -> CallResult { await call(.capture) { await $0.capture(charge) } }
    func void(_ charge: ProviderCharge) async -> CallResult {
        await call(.void) { await $0.void(charge) }
    }
    func refund(_ refund: ProviderRefund) async -> CallResult { await call(.refund) { await $0.refund(refund) } }
    func lookup(_ charge: ProviderCharge) async -> AskResult { await ask { await $0.lookup(charge) } }
    func lookup(_ refund: ProviderRefund) async -> AskResult { await ask { await $0.lookup(refund) } }

    private func ask(_ body: @Sendable (any PaymentProvider) async -> AskResult) async -> AskResult {
        log.withLock { $0.append(.lookup) }
        switch draw(.lookup) {
        case .pass: return await body(inner)
        case .refuse(let code): return .refused(code: code, reason: "scripted")
        case .hang:
            await gate.pass()
            return await body(inner)
        case .unavailable: return .unavailable("the circuit is open", retryAfter: .seconds(60))
        case .hangThenUnavailable:
            await gate.pass()
            return .unavailable("the circuit is open", retryAfter: .seconds(60))
        case .notSent, .unknownButDone, .unknownAndLost, .delayed: return .unknown("no answer")
        }
    }

    private func call(
        _ verb: Verb, _ body: @escaping @Sendable (any PaymentProvider) async -> CallResult
    ) async -> CallResult {
        log.withLock { $0.append(verb) }
        let inner = inner
        switch draw(verb) {
        case .pass: return await body(inner)
        case .refuse(let code): return .refused(code: code, reason: "scripted")
        case .notSent: return .notSent("no connection")
        case .unavailable: return .unavailable("the circuit is open", retryAfter: .seconds(60))
        case .hangThenUnavailable:
            await gate.pass()
            return .unavailable("the circuit is open", retryAfter: .seconds(60))
        case .unknownButDone:
            _ = await body(inner)
            return .unknown("the answer was lost")
        case .unknownAndLost: return .unknown("the request was lost")
        case .delayed:
            late.withLock { $0.append { _ = await body(inner) } }
            return .unknown("no answer in time")
        case .hang:
            await gate.pass()
            return await body(inner)
        }
    }
}

/// Fates by verb, used up one after the other; what is not scripted passes.
final class Script: Sendable {
    private let fates = Mutex<[Verb: [Fate]]>([:])
    private let always = Mutex<[Verb: Fate]>([:])

    func then(_ verb: Verb, _ next: Fate...) { fates.withLock { $0[verb, default: []] += next } }
    func always(_ verb: Verb, _ fate: Fate?) { always.withLock { $0[verb] = fate } }
    func next(_ verb: Verb) -> Fate {
        let scripted = fates.withLock { fates in
            fates[verb]?.isEmpty == false ? fates[verb]?.removeFirst() : nil
        }
        return scripted ?? always.withLock { $0[verb] } ?? .pass
    }
}
