import Determinism
import Sagas
import Storage

/// A local step or compensation of an order's saga: a decision over the order, its payment and the keys that wait for
/// the answer.
protocol OrderAction: LocalAction where State: OrderSagaState {
    /// Whether the step touches the order's stock rows, as far as that does not depend on how the order came here.
    var touchesStock: Bool { get }
    /// Whether it does, of this order.
    func touchesStock(_ state: State) -> Bool
    func decide(
        _ change: inout OrderWork, _ work: inout WorkingSet, _ state: inout State, _ context: StepContext
    ) throws(StorageError) -> LocalResult
}

extension OrderAction {
    func touchesStock(_ state: State) -> Bool { touchesStock }

    func needs(_ loaded: WorkingSet, _ state: State, _ context: StepContext) -> [Need] {
        let orderKey = OrderRecord.key(context.organization, OrderID(context.subject))
        guard loaded.isLoaded(orderKey) else { return [.row(orderKey)] }
        guard let order = loaded[orderKey] else { return [] }
        return companionNeeds(OrderCompanions(order, skus: touchesStock(state) ? order.skus : []), state, context)
    }

    func foreseenNeeds(_ state: State, _ context: StepContext) -> [Need] {
        state.companions.map { companionNeeds($0, state, context) } ?? []
    }

    func foreseesAll(_ state: State, _ context: StepContext) -> Bool { state.companions != nil }

    private func companionNeeds(_ companions: OrderCompanions, _ state: State, _ context: StepContext) -> [Need] {
        let (number, order) = (context.organization, OrderID(context.subject))
        let needs = companions.needs(of: order, number, withStock: touchesStock(state))
        return needs + (state.input.refund.map { [.row(RefundRecord.key(number, $0))] } ?? [])
    }

    func decide(_ work: inout WorkingSet, _ state: inout State, _ context: StepContext) -> LocalResult {
        let number = context.organization
        guard let order = work[OrderRecord.key(number, OrderID(context.subject))],
            let payment = work[PaymentRecord.key(number, order.payment)]
        else { return .later("the saga has no order or no payment") }
        var change = OrderWork(
            order: order, payment: payment, input: state.input, now: context.now,
            mint: IdentifierMint(seed: context.seed, slot: Slot.of(organization: number)))
        do {
            let result = try decide(&change, &work, &state, context)
            if case .done = result { change.store(in: &work) }
            return result
        } catch {
            // Damaged rows are for people to look at; nothing is decided on them.
            return .later(error.description)
        }
    }
}
