import Determinism

@testable import RateLimiting

/// The machines over a dictionary without a bound, at any resolution: what the table in memory and the script in Redis
/// must agree with, to the tick.
struct MachineModel {
    let resolution: TickResolution
    private(set) var states: [String: RateLimitState] = [:]

    init(_ resolution: TickResolution) { self.resolution = resolution }

    mutating func decide(_ request: RateLimitRequest, now: Int64) -> RateLimitDecision {
        var judged: [(key: String, limit: LimitParameters, state: RateLimitState, keep: Bool, reading: LimitReading)] =
            []
        var isAdmitted = true
        for check in request.checks {
            let limit = LimitParameters(check.limit, resolution)
            let key = "\(request.tenant)|\(check.limit.name)|\(check.subject)"
            var state = states[key] ?? RateLimitState()
            var keep = LimiterMachine.prepare(&state, limit, now: now)
            if case .peek = request.operation { keep = false }
            if check.adjustment != 0 {
                LimiterMachine.adjust(&state, by: check.adjustment)
                keep = true
            }
            let reading = LimiterMachine.judge(state, limit, cost: check.cost, upTo: check.upTo, now: now)
            if reading.outcome != .allowed, !check.limit.isShadow { isAdmitted = false }
            judged.append((key, limit, state, keep, reading))
        }
        return RateLimitDecision(
            judged.indices.map { index in
                var (key, limit, state, keep, reading) = judged[index]
                let check = request.checks[index]
                let charges = check.limit.isShadow ? reading.outcome == .allowed : isAdmitted
                let changed = apply(request.operation, check, limit, &state, &reading, charges: charges, now: now)
                keep = keep || changed
                if keep { states[key] = state.saysNothing ? nil : state }
                return RateLimitVerdict(
                    check.limit, reading, nanosecondsPerTick: 1_000_000_000 / resolution.ticksPerSecond)
            })
    }

    private func apply(
        _ operation: RateLimitOperation, _ check: RateLimitCheck, _ limit: LimitParameters,
        _ state: inout RateLimitState, _ reading: inout LimitReading, charges: Bool, now: Int64
    ) -> Bool {
        switch operation {
        case .consume:
            if charges {
                LimiterMachine.admit(&state, limit, &reading, now: now)
                return true
            }
            return LimiterMachine.refuse(&state, limit, &reading, cost: check.cost, now: now)
        case .peek:
            reading = LimiterMachine.peek(state, limit, cost: check.cost, now: now)
            return false
        case .penalty: LimiterMachine.adjust(&state, by: check.cost)
        case .reward: LimiterMachine.adjust(&state, by: -check.cost)
        case .block(let duration): LimiterMachine.block(&state, for: resolution.ticks(duration), now: now)
        case .reset: state = RateLimitState(limit, now: now)
        }
        reading = LimiterMachine.peek(state, limit, cost: 1, now: now)
        return true
    }
}
