import Determinism
import Messaging
import Sagas
import Storage
import StrictJSON

/// An order with its payment while a command changes them, and the events that the changes make.
struct OrderWork {
    var order: OrderRecord { didSet { rendered = nil } }
    var payment: PaymentRecord { didSet { rendered = nil } }
    let input: SagaInput
    let now: Timestamp
    private var mint: IdentifierMint
    /// The document and the events' data that shows it, while neither order nor payment changes: a step tells of the
    /// same state in its answer and in several events.
    private var rendered: (document: String, data: String)?

    init(order: OrderRecord, payment: PaymentRecord, input: SagaInput, now: Timestamp, mint: IdentifierMint) {
        (self.order, self.payment, self.input, self.now, self.mint) = (order, payment, input, now, mint)
    }

    /// The order as it is now.
    mutating func document() -> String { render().document }

    private mutating func render() -> (document: String, data: String) {
        if let rendered { return rendered }
        let document = OrderDocument(organizationID: input.organizationID, order: order, payment: payment).json
        var json = JSONWriter(capacity: document.utf8.count + 16)
        json.object { $0.member("order", raw: document) }
        let both = (document, json.string())
        rendered = both
        return both
    }

    mutating func setStatus(_ status: OrderStatus, reason: String? = nil) {
        order.status = status
        if let reason { order.reason = reason }
        order.updatedAt = now
    }
    mutating func setPayment(_ status: PaymentStatus, failureCode: String? = nil) {
        payment.status = status
        payment.failureCode = failureCode
        payment.updatedAt = now
    }

    /// `order:…` and `payment:…`: the order as it is now.
    mutating func emitOrder(_ type: String, into work: inout WorkingSet) {
        emit(type, data: render().data, into: &work)
    }

    /// `inventory:…`: one event for all the order's units.
    mutating func emitInventory(_ type: String, into work: inout WorkingSet) throws(StorageError) {
        let units = try Self.units(order)
        var json = JSONWriter()
        json.object { json in
            json.member("orderId", order.id.description)
            json.member("reservationId", ReservationID(order.id.uuid).description)
            json.member(
                "lines",
                array: { json in
                    for unit in units {
                        json.object {
                            $0.member("sku", unit.sku)
                            $0.member("quantity", unit.quantity)
                        }
                    }
                })
        }
        emit(type, data: json.string(), into: &work)
    }

    private mutating func emit(_ type: String, data: String, into work: inout WorkingSet) {
        // The document does not show how many events there are.
        let unchanged = rendered
        let sequence = order.nextEvent()
        rendered = unchanged
        work.append(
            OutboxRecord(
                organization: order.organization, key: order.id.description, sequence: sequence,
                id: mint.next(at: now), type: type, time: now, traceparent: input.traceparent, data: data))
    }

    mutating func nextID<Kind>(_ kind: Kind.Type = Kind.self) -> Identifier<Kind> { mint.next(at: now) }

    /// Puts both rows back; the last thing a command does.
    func store(in work: inout WorkingSet) {
        work.put(order)
        work.put(payment)
    }
}

extension OrderRecord {
    /// The products of its lines, in lock order. None where the lines are damaged: the decision then says so.
    var skus: [String] { ((try? OrderWork.units(self)) ?? []).map(\.sku) }
}

extension OrderWork {
    /// The rows under an order's units: the products' stock, and what the order holds of it.
    static func stockNeeds(of skus: [String], _ order: OrderID, _ organization: Int64) -> [Need] {
        skus.flatMap { sku -> [Need] in
            [.row(StockRecord.key(organization, sku)), .row(ReservationRecord.key(organization, sku, order))]
        }
    }

    /// The order's units by SKU, in lock order.
    fileprivate static func units(
        _ order: OrderRecord
    ) throws(StorageError) -> [(sku: String, quantity: Int64)] {
        OrderLine.unitsBySKU(try OrderLine.decode(order.lines).map { (sku: $0.sku, quantity: $0.quantity) })
    }

    private func eachReservation(
        _ work: inout WorkingSet, _ body: (inout StockRecord, inout ReservationRecord) -> Void
    ) throws(StorageError) {
        for unit in try Self.units(order) {
            guard var stock = work[StockRecord.key(order.organization, unit.sku)],
                var reservation = work[ReservationRecord.key(order.organization, unit.sku, order.id)],
                reservation.state.isLive
            else { continue }
            body(&stock, &reservation)
            work.put(stock)
            work.put(reservation)
        }
    }

    /// Gives back whatever the order still holds; once, however often it is asked for.
    func releaseStock(_ state: ReservationRecord.State, in work: inout WorkingSet) throws(StorageError) {
        try eachReservation(&work) { stock, reservation in
            stock.release(reservation.quantity, queued: reservation.state == .held)
            reservation.state = state
        }
    }

    /// Takes the order's units off the shelf, with a ledger row for each product.
    mutating func consumeStock(in work: inout WorkingSet) throws(StorageError) {
        var movements: [StockMovementRecord] = []
        var mint = mint
        try eachReservation(&work) { stock, reservation in
            stock.consume(reservation.quantity)
            reservation.state = .consumed
            movements.append(
                StockMovementRecord(
                    organization: order.organization, sku: reservation.sku, id: mint.next(at: now), at: now,
                    delta: -reservation.quantity, reason: "fulfilled", reference: order.id.description))
        }
        self.mint = mint
        for movement in movements { work.append(movement) }
    }

    /// Whether the order's holds have been given that time already.
    func hasHolds(until expiry: Timestamp, in work: WorkingSet) -> Bool {
        guard let line = try? OrderLine.decode(order.lines).first else { return false }
        return work[ReservationRecord.key(order.organization, line.sku, order.id)]?.promisedUntil == expiry
    }

    /// Lets the order's holds wait in the queue until `expiry`; false where waiting orders would hold more than their
    /// share of a product. One that has waited before has kept its place.
    func queueStock(until expiry: Timestamp, maxShare: Int64, in work: inout WorkingSet) throws(StorageError) -> Bool {
        var fits = true
        try eachReservation(&work) { stock, reservation in
            if reservation.state == .pinned {
                let (ceiling, overflow) = stock.onHand.multipliedReportingOverflow(by: maxShare)
                if !overflow, (stock.queued + reservation.quantity) > ceiling / 100 { fits = false }
                stock.moveIntoQueue(reservation.quantity)
            }
            (reservation.state, reservation.expiresAt) = (.held, expiry)
        }
        return fits
    }

    /// Keeps the order's waiting holds from running out while it is charged again; false where one is gone or its time
    /// is up.
    func putOffStock(in work: inout WorkingSet) throws(StorageError) -> Bool {
        for unit in try Self.units(order) {
            guard let reservation = work[ReservationRecord.key(order.organization, unit.sku, order.id)],
                reservation.state == .pinned || (reservation.state == .held && reservation.promisedUntil > now)
            else { return false }
        }
        try eachReservation(&work) { _, reservation in
            if reservation.state == .held { reservation.putOff() }
        }
        return true
    }

    /// Pins the holds of an order that has waited, and is charged.
    func pinStock(in work: inout WorkingSet) throws(StorageError) {
        try eachReservation(&work) { stock, reservation in
            guard reservation.state == .held else { return }
            stock.moveOutOfQueue(reservation.quantity)
            reservation.pin()
        }
    }
}
