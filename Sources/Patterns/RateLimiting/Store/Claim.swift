import Determinism

/// One check of a decision on its way through a table: where its state is, what it says, and what is kept of it.
struct Claim {
    let hash: UInt64
    let cost: Int64
    let upTo: Int64
    let adjustment: Int64
    var shard = 0
    /// The table of its shard, while that is locked.
    var table: UnsafeMutablePointer<StateTable>?
    private var state = RateLimitState()
    private var place = StateTable.Place.free(0)
    private var mustKeep = false
    private(set) var reading = LimitReading(outcome: .allowed)

    init(hash: UInt64, cost: Int64, upTo: Int64, adjustment: Int64) {
        (self.hash, self.cost, self.upTo, self.adjustment) = (hash, cost, upTo, adjustment)
    }

    /// Whether the key is there; then its place is claimed, before newcomers of the same decision look for theirs.
    private var isKnown = false
    mutating func locate(in table: borrowing StateTable) {
        guard let index = table.known(hash) else { return }
        (place, isKnown) = (.known(index), true)
    }

    /// Whether somebody else of the decision may not have this place.
    private func claims(_ index: Int, asFirst isFirst: Bool) -> Bool { (isFirst || isKnown) && place.index == index }

    /// Finds or claims the key's place and reads its state.
    mutating func find(
        in table: inout StateTable, _ operation: RateLimitOperation, _ limit: RateLimit, now: Int64,
        isTaken: (Int) -> Bool
    ) {
        // Somebody who is to be blocked matters more than anybody who is not.
        var need = cost
        if case .block = operation { need = 2 * limit.quota }
        if !isKnown { place = table.place(of: hash, cost: need, limit: limit, now: now, isTaken: isTaken) }
        switch place {
        case .known(let index), .shared(let index, isKnown: true): state = table.load(index)
        case .free, .occupied, .shared: break
        }
        mustKeep = LimiterMachine.prepare(&state, limit.nanoseconds, now: now)
        // Somebody who only looks, perhaps with numbers that are not in force, leaves nothing behind.
        if case .peek = operation { mustKeep = false }
        if adjustment != 0 {
            LimiterMachine.adjust(&state, by: adjustment)
            mustKeep = true
        }
    }

    private mutating func charge(_ limit: RateLimit, isAdmitted: Bool, now: Int64) {
        if isAdmitted {
            LimiterMachine.admit(&state, limit.nanoseconds, &reading, now: now)
            mustKeep = true
        } else if LimiterMachine.refuse(&state, limit.nanoseconds, &reading, cost: cost, now: now) {
            mustKeep = true
        }
    }

    /// Asks the limit. Changes nothing.
    mutating func judge(_ operation: RateLimitOperation, _ limit: RateLimit, now: Int64) {
        switch operation {
        case .consume:
            reading = LimiterMachine.judge(state, limit.nanoseconds, cost: cost, upTo: upTo, now: now)
        case .peek, .penalty, .reward, .block, .reset: break
        }
    }

    /// Does what was asked. A consumption charges this limit if it is admitted; other changes say what a request of one
    /// token would meet afterwards.
    mutating func settle(
        _ operation: RateLimitOperation, _ limit: RateLimit, isAdmitted: Bool, now: Int64
    ) {
        switch operation {
        case .consume:
            return charge(limit, isAdmitted: isAdmitted, now: now)
        case .peek:
            reading = LimiterMachine.peek(state, limit.nanoseconds, cost: cost, now: now)
            return
        case .penalty:
            LimiterMachine.adjust(&state, by: cost)
            mustKeep = true
        case .reward:
            LimiterMachine.adjust(&state, by: Int64.zero.subtracting(cost))
            mustKeep = true
        case .block(let duration):
            LimiterMachine.block(&state, for: duration.inNanoseconds, now: now)
            mustKeep = true
        case .reset:
            state = RateLimitState(limit.nanoseconds, now: now)
            mustKeep = true
        }
        reading = LimiterMachine.peek(state, limit.nanoseconds, cost: 1, now: now)
    }

    /// Writes what must be kept.
    func keep(in table: inout StateTable, _ limit: RateLimit) {
        if case .shared = place { table.sharedDecisionCount += 1 }
        if mustKeep { table.store(state, at: place, hash: hash, limitHash: limit.nameHash) }
    }

    /// All claims of a request, under their locks: all enforced limits are charged or none; a shadow limit is charged
    /// as if it stood alone.
    static func decide(_ claims: UnsafeMutableBufferPointer<Claim>, _ request: RateLimitRequest, now: Int64) {
        var isAdmitted = true
        for index in claims.indices {
            guard let table = claims[index].table else { continue }
            claims[index].locate(in: table.pointee)
        }
        for index in claims.indices {
            guard let table = claims[index].table else { continue }
            let limit = request.checks[index].limit
            claims[index].find(in: &table.pointee, request.operation, limit, now: now) { place in
                for other in claims.indices where other != index && claims[other].table == table {
                    if claims[other].claims(place, asFirst: other < index) { return true }
                }
                return false
            }
            claims[index].judge(request.operation, limit, now: now)
            if claims[index].reading.outcome != .allowed, !limit.isShadow { isAdmitted = false }
        }
        for index in claims.indices {
            guard let table = claims[index].table else { continue }
            let limit = request.checks[index].limit
            let isCharged = limit.isShadow ? claims[index].reading.outcome == .allowed : isAdmitted
            claims[index].settle(request.operation, limit, isAdmitted: isCharged, now: now)
            claims[index].keep(in: &table.pointee, limit)
        }
    }
}
