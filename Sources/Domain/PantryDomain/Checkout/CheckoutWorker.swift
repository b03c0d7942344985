import Determinism
import Logging
import Sagas
import Storage

/// Works on the sagas of orders: calls the provider, and writes down what came of it.
///
/// What is durable changes only in local steps, each fenced by the saga's epoch. Whatever happens between two of
/// them, the next worker starts from the row: it asks the provider for the key whose intent is there before it does
/// anything else.
package struct CheckoutWorker: SagaWorker {
    let database: any Database
    let lane: WriteLane
    let provider: any PaymentProvider
    let terms: CheckoutTerms
    let calls: ExternalCallConfiguration
    let time: any TimeSource
    let random: any RandomSource
    let logger: Logger
    /// How far the shard had come in the steps of the saga at hand.
    private var trail = CommitTrail()

    package init(
        database: any Database, lane: WriteLane, provider: any PaymentProvider, terms: CheckoutTerms,
        calls: ExternalCallConfiguration = ExternalCallConfiguration(), time: any TimeSource, random: any RandomSource,
        logger: Logger
    ) {
        (self.database, self.lane, self.provider, self.terms) = (database, lane, provider, terms)
        (self.calls, self.time, self.random, self.logger) = (calls, time, random, logger)
    }

    package func work(on ticket: SagaTicket) async -> SettledCheckout? {
        var worker = self
        worker.trail = CommitTrail()
        guard let report = await worker.report(on: ticket) else { return nil }
        return SettledCheckout(report: report, position: worker.trail.position)
    }

    /// Tries again while the database is away for a moment, as in a failover: nobody else may take the saga up before
    /// its lease is over, and whoever waits for the order would have to wait for that. Each attempt starts from the
    /// row, as a recovery would.
    private func report(on ticket: SagaTicket) async -> CheckoutReport? {
        let giveUp = time.instant() + terms.lease * 3 / 4
        var (ticket, pause) = (ticket, Duration.milliseconds(50))
        while true {
            do { return try await attempt(ticket) } catch {
                guard error.mayPass, time.instant() + pause < giveUp, (try? await time.sleep(for: pause)) != nil else {
                    // The row says where the saga stands; the sweep, or the next start, takes it up again.
                    logger.warning("saga left for later", metadata: ["saga": "\(ticket.id)", "error": "\(error)"])
                    return nil
                }
                logger.info("saga tried again", metadata: ["saga": "\(ticket.id)", "error": "\(error)"])
            }
            ticket = ticket.again
            pause = min(pause * 2, .milliseconds(500))
        }
    }

    private func attempt(_ ticket: SagaTicket) async throws -> CheckoutReport? {
        switch ticket.definition {
        case SagaName.checkout: return try await checkout(ticket)
        case SagaName.cancel, SagaName.refund: return try await refund(ticket)
        default:
            logger.error("unknown saga", metadata: ["saga": "\(ticket.id)", "definition": "\(ticket.definition)"])
            return nil
        }
    }

    // MARK: checkout

    private func checkout(_ ticket: SagaTicket) async throws -> CheckoutReport? {
        guard var brief = try await checkoutBrief(ticket) else { return nil }
        if brief.sagaState == .compensating { return try await close(ticket, brief, .canceled) }
        if brief.payment.status == .queued {
            switch try await step(PinQueuedOrder(seed: random.next()), ticket) {
            case .done(.pinned): brief.payment.status = .processing
            case .done(.lapsed): return try await close(ticket, brief, .expired)
            case .done(.broken(let error)): throw error
            case .fenced(let reason): return fenced(ticket, reason)
            }
        } else if ticket.mayHaveBeenCalled, brief.holdsUntil <= time.now() {
            // Nobody is charged for an order that they have long given up: void, unless the money has been taken
            // already.
            return try await close(ticket, brief, .expired)
        }
        let mayHaveBeenCalled = ticket.mayHaveBeenCalled
        let outcome = try await bring(
            ExternalCallMachine(calls, mayHaveBeenCalled: mayHaveBeenCalled),
            call: { await provider.authorize(brief.charge, capture: true) },
            ask: { await provider.lookup(key: brief.payment.providerKey) })
        switch outcome {
        case .done(let receipt):
            let confirm = ConfirmOrder(receipt: receipt, seed: random.next(), input: brief.input)
            return try await finish(confirm, ticket)
        case .refused(ProviderCode.voided, _):
            // We gave the charge up and did not come to write that down: our doing, not a decline.
            let cause: CloseOrder.Cause =
                brief.holdsUntil <= time.now() ? .expired : .unavailable("the charge was given up")
            return try await finish(CloseOrder(cause: cause, wasRefunded: false, seed: random.next()), ticket)
        case .refused(let code, _):
            let close = CloseOrder(cause: .declined(code: code), wasRefunded: false, seed: random.next())
            return try await finish(close, ticket)
        case .absent(let reason): return try await unavailable(ticket, brief, reason)
        case .unknown(let reason): return try await park(ticket, StepName.charge, reason)
        }
    }

    /// The charge is known not to have happened, and cannot be made now.
    private func unavailable(
        _ ticket: SagaTicket, _ brief: CheckoutBrief, _ reason: String
    ) async throws -> CheckoutReport? {
        guard brief.payment.onUnavailable == .queue else { return try await close(ticket, brief, .unavailable(reason)) }
        switch try await step(QueueOrder(reason: reason, terms: terms, seed: random.next()), ticket) {
        case .done(.queued): return .waiting
        case .done(.noRoom):
            let why = "waiting orders hold \(terms.maxQueuedShare) % of a product already; \(reason)"
            return try await close(ticket, brief, .unavailable(why))
        case .done(.broken(let error)): throw error
        case .fenced(let reason): return fenced(ticket, reason)
        }
    }

    /// Makes sure that no money is or will be taken for the order, then closes it. If the money has been taken after
    /// all, an order that was only late is confirmed, and one that was canceled is given its money back.
    private func close(
        _ ticket: SagaTicket, _ brief: CheckoutBrief, _ cause: CloseOrder.Cause
    ) async throws -> CheckoutReport? {
        let key = brief.payment.providerKey
        let outcome = try await bring(
            ExternalCallMachine(calls, mayHaveBeenCalled: false),
            call: { await provider.void(key: key, reference: brief.order.description) },
            ask: { await Self.voidAnswer(provider.lookup(key: key)) })
        switch outcome {
        case .done:
            return try await finish(CloseOrder(cause: cause, wasRefunded: false, seed: random.next()), ticket)
        case .refused(ProviderCode.alreadyCaptured, _):
            if brief.payment.status == .processing, cause != .canceled {
                let receipt = ProviderReceipt(.captured, reference: key)
                return try await finish(ConfirmOrder(receipt: receipt, seed: random.next()), ticket)
            }
            return try await giveBack(ticket, brief, cause)
        case .refused(_, let reason), .absent(let reason), .unknown(let reason):
            return try await park(ticket, StepName.release, reason)
        }
    }

    private func giveBack(
        _ ticket: SagaTicket, _ brief: CheckoutBrief, _ cause: CloseOrder.Cause
    ) async throws -> CheckoutReport? {
        let refund = ProviderRefund(
            key: "\(brief.order)/undo", charge: brief.payment.providerKey, reference: brief.order.description,
            amount: brief.payment.amount)
        // The key is made from the order's, which is durable: asking first is right whether or not this ran before.
        let outcome = try await bring(
            ExternalCallMachine(calls, mayHaveBeenCalled: true),
            call: { await provider.refund(refund) }, ask: { await provider.lookup(key: refund.key) })
        switch outcome {
        case .done:
            return try await finish(CloseOrder(cause: cause, wasRefunded: true, seed: random.next()), ticket)
        case .refused(_, let reason), .absent(let reason), .unknown(let reason):
            return try await park(ticket, StepName.release, reason)
        }
    }

    /// What a charge's state says about its void.
    private static func voidAnswer(_ answer: PaymentProvider.AskResult) -> PaymentProvider.AskResult {
        switch answer {
        case .done(let receipt) where receipt.effect == .voided: answer
        case .done(let receipt) where receipt.effect == .authorized: .absent
        case .done: .refused(code: ProviderCode.alreadyCaptured, reason: "the money has been taken")
        case .refused: .done(ProviderReceipt(.voided, reference: "refused"))
        // Still being charged, or unheard of: the void itself is what settles it.
        case .pending, .absent: .absent
        case .unknown: answer
        }
    }

    // MARK: refund and cancel

    private func refund(_ ticket: SagaTicket) async throws -> CheckoutReport? {
        guard let brief = try await refundBrief(ticket) else { return nil }
        let outcome = try await bring(
            ExternalCallMachine(calls, mayHaveBeenCalled: ticket.mayHaveBeenCalled),
            call: { await provider.refund(brief.request) },
            ask: { await provider.lookup(key: brief.refund.providerKey) })
        switch outcome {
        case .done(let receipt): return try await finish(FinishRefund(receipt: receipt, seed: random.next()), ticket)
        case .refused(let code, let reason):
            return try await finish(DropRefund(code: code, reason: reason, seed: random.next()), ticket)
        case .absent(let reason), .unknown(let reason):
            return try await park(ticket, StepName.refund, reason)
        }
    }

    // MARK: the machine's shell, and local steps

    private func bring(
        _ machine: ExternalCallMachine<ProviderReceipt>, call: () async -> PaymentProvider.CallResult,
        ask: () async -> PaymentProvider.AskResult
    ) async throws -> ExternalCallMachine<ProviderReceipt>.Outcome {
        var machine = machine
        var action = machine.begin()
        while true {
            try Task.checkCancellation()
            switch action {
            case .call: action = machine.handle(.called(await call()))
            case .ask: action = machine.handle(.asked(await ask()))
            case .rest(let pause):
                try await time.sleep(for: pause)
                action = machine.handle(.rested)
            case .end(let outcome): return outcome
            }
        }
    }

    private func step<Step: SagaStep>(_ step: Step, _ ticket: SagaTicket) async throws -> SagaStepOutcome<Step.Outcome>
    {
        let organization = ticket.tenant.organization
        let command = SagaCommand(
            step, saga: ticket.id, organization: organization, epoch: ticket.epoch,
            subject: [.row(OrderRecord.key(organization, OrderID(ticket.subject)))])
        return try await lane.submit(
            command, tenant: ticket.tenant, deadline: time.instant() + terms.lease, trail: trail)
    }

    private func finish<Step: SagaStep>(
        _ step: Step, _ ticket: SagaTicket
    ) async throws -> CheckoutReport? where Step.Outcome == CheckoutReport {
        switch try await self.step(step, ticket) {
        case .done(let report): return report
        case .fenced(let reason): return fenced(ticket, reason)
        }
    }

    private func park(_ ticket: SagaTicket, _ step: String, _ reason: String) async throws -> CheckoutReport? {
        let park = ParkSaga(step: step, reason: reason, terms: terms)
        if case .fenced(let reason) = try await self.step(park, ticket) { return fenced(ticket, reason) }
        return .waiting
    }

    private func fenced(_ ticket: SagaTicket, _ reason: String) -> CheckoutReport? {
        logger.info("saga held elsewhere", metadata: ["saga": "\(ticket.id)", "reason": "\(reason)"])
        return nil
    }
}

extension Error {
    /// Whether the same may succeed a moment later: the database was away, or somebody else was faster.
    fileprivate var mayPass: Bool {
        switch self {
        case let failure as LaneFailure:
            switch failure {
            case .unavailable, .unknown, .conflict, .overloaded, .expired: true
            case .fenced: false
            }
        case let error as StorageError:
            switch error {
            case .unavailable, .unknown, .conflict: true
            case .full, .constraint, .corrupt, .statement, .lost: false
            }
        default: false
        }
    }
}
