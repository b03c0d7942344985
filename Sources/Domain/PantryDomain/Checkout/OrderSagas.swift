import Determinism
import Sagas
import Storage

/// The sagas of orders, by their definitions, and the runtime that works on them for one shard.
package struct OrderSagas: Sendable {
    /// Works on them.
    package let runtime: SagaRuntime
    let checkout: SagaDefinition<CheckoutState>
    let cancel: SagaDefinition<RefundState>
    let refund: SagaDefinition<RefundState>

    /// How a shard's sagas are worked on.
    package struct Configuration: Sendable {
        package var terms = CheckoutTerms()
        package var calls = ExternalCallConfiguration()
        package var coordination = SagaCoordinatorConfiguration()
        /// What the leases of workers are measured by; nil where no other process has sagas of the shard.
        package var sharedBy: SagaClock?
        package init() {}
    }

    /// - Parameters:
    ///   - database: where the orders' rows are read.
    ///   - sagas: where sagas are looked for; the same database, without what is measured of requests.
    package init(
        database: any Database, sagas: (any Database)? = nil, lane: WriteLane, provider: any PaymentProvider,
        configuration: Configuration, time: any TimeSource, random: any RandomSource,
        observer: (any SagaObserver)? = nil, reportTrouble: @escaping @Sendable (any Error) -> Void
    ) {
        let terms = configuration.terms
        let briefs = BriefReader(database: database, terms: terms)
        var policy = StepPolicy()
        (policy.attemptLimit, policy.undoAttemptLimit) = (Int(terms.attemptLimit), Int(terms.attemptLimit))
        policy.backoff = SagaBackoff(first: terms.retryPause, longest: terms.longestRetryPause)
        policy.calls = configuration.calls
        let turns = ChargeTurns(
            perSecond: terms.queuedChargesPerSecond, shortestRest: policy.backoff.first, time: time)
        let foresight: SagaForesight = { organization, saga, order in
            guard lane.loadsAreRemote else { return [] }
            return await OrderForesight.needs(of: saga, about: OrderID(order), organization, in: database)
        }
        let charge = ChargeOrder(provider: provider, briefs: briefs, turns: turns)
        checkout = Self.checkout(charge, terms, policy).foreseeing(foresight)
        cancel = Self.refund(SagaName.cancel, provider, briefs, policy).foreseeing(foresight)
        refund = Self.refund(SagaName.refund, provider, briefs, policy).foreseeing(foresight)
        var pace = SagaTerms()
        pace.lease = terms.lease
        // Clients read behind their orders, from replicas too.
        pace.reportsPositions = true
        let worker = SagaWorkerID(UUIDv7(time: time.now(), slot: 0, random: random.next()))
        let registry = SagaRegistry([
            AnySagaDefinition(checkout), AnySagaDefinition(cancel), AnySagaDefinition(refund),
        ])
        runtime = SagaRuntime(
            registry: registry, lane: lane,
            stores: .sql(
                sagas ?? database, lane: lane, serving: registry, worker: worker, time: time,
                sharedBy: configuration.sharedBy),
            worker: worker, time: time, random: random, terms: pace, coordination: configuration.coordination,
            observer: observer, reportTrouble: reportTrouble)
    }

    private static let locking: SubjectNeeds = { organization, subject in
        [.row(OrderRecord.key(organization, OrderID(subject)))]
    }

    private static func checkout(
        _ charge: ChargeOrder, _ terms: CheckoutTerms, _ policy: StepPolicy
    ) -> SagaDefinition<CheckoutState> {
        Saga(CheckoutState.self, SagaName.checkout, version: 1, deadline: terms.queueTime, locking: locking)
            .compensatable(StepName.reserve, .doneByCaller, undo: .local(CloseOrder()), policy: policy)
            .compensatable(
                StepName.charge,
                .external(charge, postponing: QueueOrder(terms: terms), resuming: PinQueuedOrder()),
                undo: .external(GiveBackCharge(provider: charge.provider, briefs: charge.briefs)), policy: policy
            )
            .pivot(StepName.confirm, .local(ConfirmOrder()), policy: policy)
            .definition
            .adopting { record in
                SagaInput(json: record.input).map {
                    SagaAdoption(
                        CheckoutState($0, canceled: record.state == .compensating), done: [StepName.reserve],
                        intended: StepName.charge)
                }
            }
    }

    private static func refund(
        _ name: String, _ provider: any PaymentProvider, _ briefs: BriefReader, _ policy: StepPolicy
    ) -> SagaDefinition<RefundState> {
        Saga(RefundState.self, name, version: 1, locking: locking)
            .compensatable(StepName.request, .doneByCaller, undo: .local(DropRefund()), policy: policy)
            .pivot(StepName.refund, .external(RefundCharge(provider: provider, briefs: briefs)), policy: policy)
            .retriable(StepName.finish, .local(FinishRefund(isCancel: name == SagaName.cancel)), policy: policy)
            .definition
            .adopting { record in
                SagaInput(json: record.input).map {
                    SagaAdoption(RefundState($0), done: [StepName.request], intended: StepName.refund)
                }
            }
    }
}
