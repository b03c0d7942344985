import Determinism
import Storage

@testable import PostgresDriver

/// What the machine is asked to send, in tests.
final class Caller: @unchecked Sendable, CustomStringConvertible {  // one task at a time
    let name: String
    let effect: PostgresBatch.Effect
    let statements: [PostgresStatement]
    /// What it was told; more than one is a fault.
    var outcomes: [PipelineOutcome] = []
    /// How many results it was handed.
    var results = 0

    init(_ name: String, _ effect: PostgresBatch.Effect, _ texts: [String]) {
        (self.name, self.effect, statements) = (name, effect, texts.map { PostgresStatement($0) })
    }
    var description: String { name }
    /// The code of the failure it was told of.
    var failure: PostgresError? {
        if case .failure(let error)? = outcomes.first { return error }
        return nil
    }
    var isSuccess: Bool {
        if case .success? = outcomes.first { return true }
        return false
    }
}

/// Runs a machine the way the connection does, without a connection, and writes down what it sends.
struct PipelineHarness {
    var machine: PipelineMachine<Caller>
    var now = Instant(nanoseconds: 1_000_000_000)
    var sent: [String] = []
    var brokenReason: String?

    init(_ change: (inout PipelineLimits) -> Void = { _ in }) {
        var limits = PipelineLimits()
        limits.preparedStatements = 0
        change(&limits)
        machine = PipelineMachine(limits: limits)
    }

    @discardableResult
    mutating func submit(
        _ name: String, _ effect: PostgresBatch.Effect = .reads, _ texts: [String] = ["q"], bytes: Int = 10,
        within limit: Duration = .seconds(10)
    ) -> Caller {
        let caller = Caller(name, effect, texts)
        submit(caller, bytes: bytes, within: limit)
        return caller
    }

    mutating func submit(_ caller: Caller, bytes: Int = 10, within limit: Duration = .seconds(10)) {
        let request = PipelineRequest(
            token: caller, effect: caller.effect, statements: caller.statements.count, bytes: bytes,
            deadline: now + limit)
        if let refusal = machine.submit(request) { caller.outcomes.append(.failure(refusal)) }
    }

    /// Sends all that may be sent, and returns it, such as `a(q) b(q) sync`.
    @discardableResult
    mutating func pump() -> String {
        var steps: [String] = []
        while let step = machine.nextStep(now: now) {
            switch step {
            case .batch(let caller):
                let plans = caller.statements.map { describe(machine.plan($0, types: []), $0.text) }
                steps.append("\(caller)(\(plans.joined(separator: ", ")))")
            case .rollback: steps.append("rollback")
            case .deallocate(let statement): steps.append("deallocate \(statement.name)")
            case .sync: steps.append("sync")
            case .cancel: steps.append("cancel")
            }
        }
        sent += steps
        return steps.joined(separator: " ")
    }

    private func describe(_ plan: StatementCache.Plan, _ text: String) -> String {
        switch plan {
        case .unnamed: text
        case .named(let reference): "\(reference.name)"
        case .prepare(let reference): "\(reference.name)=\(text)"
        }
    }

    mutating func receive(_ replies: PipelineMachine<Caller>.Reply...) {
        for reply in replies {
            switch machine.receive(reply) {
            case .none: break
            case .keep(let caller): caller.results += 1
            case .end(let ending): ending.token.outcomes.append(ending.outcome)
            case .broken(let reason): brokenReason = brokenReason ?? reason
            }
        }
    }
    /// A statement that goes well.
    mutating func succeed(_ count: Int = 1, _ kind: CommandKind = .other) {
        for _ in 0..<count { receive(.result(kind), .end) }
    }
    mutating func fail(_ code: String, isFatal: Bool = false) {
        receive(.failure(Self.error(code, isFatal: isFatal)), .end)
    }
    mutating func skip(_ count: Int = 1) { for _ in 0..<count { receive(.skipped, .end) } }
    mutating func sync(_ status: TransactionStatus = .idle) { receive(.sync(status)) }

    /// Lets time pass; returns why the connection is to be closed.
    @discardableResult
    mutating func pass(_ duration: Duration) -> String? {
        now = now + duration
        let alarm = machine.tick(now: now)
        for ending in alarm.endings { ending.token.outcomes.append(ending.outcome) }
        return alarm.closing
    }
    mutating func abandon(_ caller: Caller) {
        if let ending = machine.abandon(caller, now: now) { ending.token.outcomes.append(ending.outcome) }
    }
    mutating func lose() {
        for ending in machine.lose(Self.lost) { ending.token.outcomes.append(ending.outcome) }
    }

    static let lost = PostgresError(.connectionLost, .unavailable("gone"))
    static func error(_ code: String, isFatal: Bool = false) -> PostgresError {
        .server(
            sqlState: SQLState(code), message: "no", constraint: nil, hint: nil, server: "s", isFatal: isFatal)
    }
}
