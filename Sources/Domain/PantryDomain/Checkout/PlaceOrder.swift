import Determinism
import Messaging
import Sagas
import Storage
import StrictJSON

/// What a customer asks for, checked as far as it can be without the database.
package struct OrderRequest: Sendable {
    package var items: [(sku: String, quantity: Int64)]
    package var method: String
    package var onUnavailable: OnPaymentUnavailable
    /// A JSON object.
    package var metadata: String?
    package init(
        items: [(sku: String, quantity: Int64)], method: String, onUnavailable: OnPaymentUnavailable, metadata: String?
    ) {
        (self.items, self.method, self.onUnavailable, self.metadata) = (items, method, onUnavailable, metadata)
    }
}

/// The first commit of an order: stock, order, payment, idempotency row, saga and its log, outbox rows, and the
/// charge's intent with the key that the provider will see.
package struct PlaceOrder: LaneCommand {
    package enum Outcome: Sendable {
        case started(SagaTicket)
        /// The key's answer is known.
        case replay(Answer)
        /// The answer kept now: a refusal that the key remembers.
        case kept(Answer)
        /// The first attempt is under way, or waits: `isAccepted` when its caller has been told so.
        case running(OrderID, SagaID, isAccepted: Bool)
        case refused(Refusal)
        /// As many expired holds as one commit takes back are taken back, and there may be more: to be decided again.
        case cleared
    }
    let caller: Caller
    let order: OrderRequest
    let key: RequestKey
    let terms: CheckoutTerms
    /// Begins the checkout; nil when there is no room for another one: a repeat of a key is answered in any case.
    let sagas: SagaClaimant<CheckoutState>?
    /// Of the ids that the decision makes.
    let seed: UInt64
    let units: [Unit]
    private let keyRow: Key<IdempotencyRecord>

    /// What the order wants of one product, and that product's rows.
    struct Unit: Sendable {
        let sku: String
        let quantity: Int64
        let product: Key<ProductRecord>
        let stock: Key<StockRecord>
    }

    package init(
        caller: Caller, order: OrderRequest, key: RequestKey, terms: CheckoutTerms, sagas: SagaClaimant<CheckoutState>?,
        seed: UInt64
    ) {
        (self.caller, self.order, self.key, self.terms) = (caller, order, key, terms)
        (self.sagas, self.seed) = (sagas, seed)
        // The same keys are asked for again and again: made once, they are only pointed at.
        let number = caller.tenant.organization
        keyRow = IdempotencyRecord.key(number, key.scope)
        units = OrderLine.unitsBySKU(order.items).map { unit in
            Unit(
                sku: unit.sku, quantity: unit.quantity, product: ProductRecord.key(number, unit.sku),
                stock: StockRecord.key(number, unit.sku))
        }
    }
    private var number: Int64 { caller.tenant.organization }

    package func needs(_ loaded: WorkingSet) -> [Need] {
        // A repeat needs nothing of the products, whoever holds them.
        if loaded.isLoaded(keyRow), loaded[keyRow] != nil { return [] }
        var needs: [Need] = [.row(keyRow)]
        needs.reserveCapacity(1 + 2 * units.count)
        for unit in units {
            needs.append(.row(unit.product))
            needs.append(.row(unit.stock))
        }
        return needs
    }

    /// A repeat is rare; it asks for the saga when it is decided.
    package func hasNamedAll(_ loaded: WorkingSet) -> Bool { true }

    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        if let first = work[keyRow] { return repeated(first, &work) }
        // The key was freed within this batch, and the repeat had not waited for rows that somebody else holds.
        guard units.allSatisfy({ work.isLoaded($0.product) && work.isLoaded($0.stock) }) else {
            return .more(needs(work))
        }
        guard let sagas else { return .discard(.refused(.overloaded("too many orders are under way"))) }
        let lines: [OrderLine]
        let total: Money
        switch price(work) {
        case .success(let priced): (lines, total) = priced
        case .failure(let refusal): return .discard(.refused(refusal))
        }
        let missing = missingHolds(work, now)
        if !missing.isEmpty { return .more(missing) }
        let short = reserve(&work, now)
        // Nobody is told that there is too little while there may be expired holds that nobody has looked at.
        if short.contains(where: { mayHaveMoreExpired($0.sku, work, now) }) { return .commit(.cleared) }
        if !short.isEmpty {
            // A refusal that the key remembers; the expired holds that were released on the way stay released.
            let answer = Answer(kind: .outOfStock, document: ShortLine.encode(short))
            work.put(
                IdempotencyRecord(organization: number, request: key, now: now, state: .settled, answer: answer))
            return .commit(.kept(answer))
        }
        do {
            return .commit(.started(try begin(lines, total, sagas, &work, now)))
        } catch {
            return .discard(.refused(.shardUnavailable(error.description)))
        }
    }

    private func repeated(_ first: IdempotencyRecord, _ work: inout WorkingSet) -> Verdict<Outcome> {
        if first.fingerprint != key.fingerprint { return .discard(.refused(.keyReused)) }
        if let answer = first.answer, answer.kind != .accepted { return .discard(.replay(answer)) }
        guard let order = first.subject.map({ OrderID($0) }), let saga = first.saga.map({ SagaID($0) }) else {
            return .discard(.refused(.keyInProgress))
        }
        if first.state == .running, first.kind == nil {
            let sagaKey = SagaRecord.key(number, saga)
            guard work.isLoaded(sagaKey) else { return .more([.row(sagaKey)]) }
            // Nobody is at work on it, and may not be for minutes: the repeat is told the order's present state.
            if let state = work[sagaKey]?.state, state == .parked || state == .stuck {
                var accepted = first
                accepted.kind = .accepted
                work.put(accepted)
                return .commit(.running(order, saga, isAccepted: true))
            }
        }
        return .discard(.running(order, saga, isAccepted: first.kind == .accepted))
    }

    /// The lines with their prices and the total, or everything that is wrong with them.
    private func price(_ work: WorkingSet) -> Result<([OrderLine], Money), Refusal> {
        var (problems, lines): ([FieldProblem], [OrderLine]) = ([], [])
        var total = Money(0, "")
        lines.reserveCapacity(order.items.count)
        for (index, item) in order.items.enumerated() {
            guard let product = work[productKey(item.sku)], product.state == .active else {
                problems.append(FieldProblem("/items/\(index)/sku", "unknown-sku", "there is no product “\(item.sku)”"))
                continue
            }
            if total.currency.isEmpty { total.currency = product.unitPrice.currency }
            guard product.unitPrice.currency == total.currency else {
                problems.append(
                    FieldProblem(
                        "/items/\(index)/sku", "mixed-currencies",
                        "“\(item.sku)” is priced in \(product.unitPrice.currency), those before in \(total.currency); "
                            + "an order has one currency"))
                continue
            }
            guard let amount = product.unitPrice.times(item.quantity),
                total.amount + amount.amount <= Money.largestAmount
            else {
                problems.append(
                    FieldProblem(
                        "/items/\(index)/quantity", "too-large",
                        "the order's total would be more than \(Money.largestAmount) minor units"))
                continue
            }
            total.amount += amount.amount
            lines.append(
                OrderLine(sku: item.sku, quantity: item.quantity, unitPrice: product.unitPrice, amount: amount))
        }
        return problems.isEmpty ? .success((lines, total)) : .failure(.invalid(problems))
    }

    private func productKey(_ sku: String) -> Key<ProductRecord> {
        units.first { $0.sku == sku }?.product ?? ProductRecord.key(number, sku)
    }

    /// Expired holds count as available, so they are looked for before anybody is told that there is too little.
    private func missingHolds(_ work: WorkingSet, _ now: Timestamp) -> [Need] {
        units.compactMap { unit in
            guard (work[unit.stock]?.available ?? 0) < unit.quantity else { return nil }
            let holds = ReservationRecord.expired(number, unit.sku, at: now)
            return work.isLoaded(holds) ? nil : .rows(holds)
        }
    }

    private func reserve(_ work: inout WorkingSet, _ now: Timestamp) -> [ShortLine] {
        var (short, reserved): ([ShortLine], [StockRecord]) = ([], [])
        for unit in units {
            guard var stock = work[unit.stock] else {
                short.append(ShortLine(sku: unit.sku, requested: unit.quantity, available: 0))
                continue
            }
            if stock.available < unit.quantity { releaseExpired(of: unit.sku, &stock, &work, now) }
            if stock.reserve(unit.quantity) {
                reserved.append(stock)
            } else {
                short.append(ShortLine(sku: unit.sku, requested: unit.quantity, available: stock.available))
            }
        }
        if short.isEmpty { for stock in reserved { work.put(stock) } }
        return short
    }

    /// Whether the product may have more expired holds than those that were looked for.
    private func mayHaveMoreExpired(_ sku: String, _ work: WorkingSet, _ now: Timestamp) -> Bool {
        let holds = ReservationRecord.expired(number, sku, at: now)
        return work.isLoaded(holds) && work[holds].count >= ReservationRecord.expiredLimit
    }

    /// Takes the product's holds whose time is up back. Their orders find out when they next try to be paid.
    private func releaseExpired(of sku: String, _ stock: inout StockRecord, _ work: inout WorkingSet, _ now: Timestamp)
    {
        let holds = ReservationRecord.expired(number, sku, at: now)
        guard work.isLoaded(holds) else { return }
        for var hold in work[holds] where hold.state == .held && hold.expiresAt <= now {
            stock.release(hold.quantity, queued: true)
            hold.state = .expired
            work.put(hold)
        }
        work.put(stock)
    }

    private func begin(
        _ lines: [OrderLine], _ total: Money, _ sagas: SagaClaimant<CheckoutState>, _ work: inout WorkingSet,
        _ now: Timestamp
    ) throws(StorageError) -> SagaTicket {
        var mint = IdentifierMint(seed: seed, slot: Slot.of(organization: number))
        let orderID = mint.next(OrderKind.self, at: now)
        let paymentID = mint.next(PaymentKind.self, at: now)
        let sagaID = mint.next(SagaKind.self, at: now)
        let input = SagaInput(organizationID: caller.organizationID, traceparent: caller.traceparent)
        let record = OrderRecord(
            organization: number, id: orderID, total: total, lines: OrderLine.encode(lines), metadata: order.metadata,
            payment: paymentID, idempotencyScope: key.scope, saga: sagaID, now: now)
        let payment = PaymentRecord(
            organization: number, id: paymentID, order: orderID, amount: total, method: order.method,
            onUnavailable: order.onUnavailable, now: now)
        for unit in units {
            work.insert(
                ReservationRecord(
                    organization: number, sku: unit.sku, order: orderID, quantity: unit.quantity, state: .pinned,
                    now: now,
                    expiresAt: now + terms.holdTime))
        }
        var change = OrderWork(order: record, payment: payment, input: input, now: now, mint: mint)
        change.emitOrder("order:created", into: &work)
        try change.emitInventory("inventory:reserved", into: &work)
        work.insert(change.order)
        work.insert(change.payment)
        work.put(
            IdempotencyRecord(
                organization: number, request: key, now: now, state: .running, answer: nil, subject: orderID.uuid,
                saga: sagaID.uuid))
        var state = CheckoutState(input)
        state.brief = CheckoutBrief(payment: payment, order: orderID, holdsUntil: now + terms.holdTime)
        state.companions = OrderCompanions(record, skus: units.map(\.sku))
        let opening = sagas.opening(id: sagaID, about: orderID.uuid, state)
        switch try opening.begin(afterFirstStepIn: &work, at: now) {
        case .began(let ticket): return ticket
        case .existing: throw .corrupt("saga \(sagaID) has begun before its order")
        }
    }
}

/// Who asks: the organization, and what of the request is carried on.
package struct Caller: Sendable {
    package var tenant: Tenant
    package var organizationID: OrganizationID
    package var traceparent: String?
    package init(tenant: Tenant, organizationID: OrganizationID, traceparent: String?) {
        (self.tenant, self.organizationID, self.traceparent) = (tenant, organizationID, traceparent)
    }
}

extension ShortLine {
    static func encode(_ lines: [ShortLine]) -> String {
        var json = JSONWriter()
        json.array { json in
            for line in lines {
                json.object {
                    $0.member("sku", line.sku)
                    $0.member("requested", line.requested)
                    $0.member("available", line.available)
                }
            }
        }
        return json.string()
    }
}
