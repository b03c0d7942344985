import Determinism
import Sagas
import Storage
import StrictJSON

/// What every saga of an order knows: the request that began it.
protocol OrderSagaState: SagaState {
    var input: SagaInput { get }
    /// The rows beside the order that the saga's steps change, where the worker knows them already.
    var companions: OrderCompanions? { get }
}

/// The rows that are loaded with an order's, named before the order itself has been read: its keys come before order
/// and saga in the one order of locks, and all of them are one trip to the database.
struct OrderCompanions: Sendable, Hashable {
    var payment: PaymentID
    /// Of the keys that wait for the order's answer and for its saga's.
    var scopes: [String]
    /// The products whose units the order holds, in lock order; none where the stock is not asked for.
    var skus: [String]

    /// - Parameter skus: those of the order's lines.
    init(_ order: OrderRecord, skus: [String]) {
        (payment, scopes) = (order.payment, [order.idempotencyScope, order.sagaScope].compactMap { $0 })
        self.skus = skus
    }

    /// The rows.
    /// - Parameter withStock: whether the stock rows and the order's holds are among them.
    func needs(of order: OrderID, _ organization: Int64, withStock: Bool) -> [Need] {
        var needs: [Need] = [.row(PaymentRecord.key(organization, payment))]
        for scope in scopes { needs.append(.row(IdempotencyRecord.key(organization, scope))) }
        return withStock ? needs + OrderWork.stockNeeds(of: skus, order, organization) : needs
    }
}

/// What a checkout knows beside its order's rows.
///
/// What the provider is told is read from the order's rows when a worker takes the
/// checkout up, and the report is for those who wait while it ends.
package struct CheckoutState: OrderSagaState {
    package var input: SagaInput
    /// Why the order does not come about; nil while it may.
    var ending: CheckoutEnding?
    /// Whether the order was accepted into the queue once: then it stays.
    var wasQueued = false
    /// The provider's name for the charge, until it stands in the payment's row.
    var receipt: String?
    /// What the provider is told, where the worker knows it already.
    var brief: CheckoutBrief?
    var companions: OrderCompanions?
    /// What those who wait are told.
    package var report: CheckoutReport?

    package init(_ input: SagaInput) { self.input = input }

    init(_ input: SagaInput, canceled isCanceled: Bool) {
        self.input = input
        if isCanceled { ending = CheckoutEnding(.canceled) }
    }

    package init(stored text: String) throws {
        guard let object = (try? JSONReader.parse(text))?.object, let input = SagaInput(object) else {
            throw StorageError.corrupt("“\(text)” is not what a checkout knows")
        }
        self.init(input)
        receipt = object["receipt"]?.string
        wasQueued = object["queued"]?.bool ?? false
        guard let ending = object["ending"]?.object else { return }
        self.ending = CheckoutEnding(ending)
        if self.ending == nil { throw StorageError.corrupt("“\(text)” says nothing known of the checkout's end") }
    }

    package func stored() -> String {
        var json = JSONWriter()
        json.object { json in
            input.write(to: &json)
            if let receipt { json.member("receipt", receipt) }
            if wasQueued { json.member("queued", true) }
            if let ending { json.member("ending", object: ending.write) }
        }
        return json.string()
    }
}

/// Why an order does not come about, and whether its money had to be given back.
struct CheckoutEnding: Sendable, Hashable {
    enum Cause: Sendable, Hashable {
        /// The provider refuses the charge.
        case declined(code: String)
        /// The payment could not be made, and its owner does not want to wait or may not.
        case unavailable(String)
        /// The hold's time was up.
        case expired
        /// Its owner canceled it.
        case canceled
    }
    var cause: Cause
    /// Whether a charge that had been captured after all was given back in full.
    var wasRefunded = false

    init(_ cause: Cause) { self.cause = cause }

    init?(_ object: JSONObject) {
        let detail = object["detail"]?.string ?? ""
        switch object["cause"]?.string {
        case "declined": cause = .declined(code: detail)
        case "unavailable": cause = .unavailable(detail)
        case "expired": cause = .expired
        case "canceled": cause = .canceled
        default: return nil
        }
        wasRefunded = object["refunded"]?.bool ?? false
    }

    func write(to json: inout JSONWriter) {
        switch cause {
        case .declined(let code):
            json.member("cause", "declined")
            json.member("detail", code)
        case .unavailable(let reason):
            json.member("cause", "unavailable")
            json.member("detail", reason)
        case .expired: json.member("cause", "expired")
        case .canceled: json.member("cause", "canceled")
        }
        if wasRefunded { json.member("refunded", true) }
    }
}

/// What a cancel or refund knows beside its rows: the refund that it carries out.
package struct RefundState: OrderSagaState {
    package var input: SagaInput
    /// What the provider is told, where the worker knows it already.
    var brief: RefundBrief?
    var companions: OrderCompanions?
    /// The code with which the provider refuses.
    var refusal: String?
    /// What those who wait are told.
    package var report: CheckoutReport?

    package init(_ input: SagaInput) { self.input = input }

    package init(stored text: String) throws {
        guard let object = (try? JSONReader.parse(text))?.object, let input = SagaInput(object), input.refund != nil
        else { throw StorageError.corrupt("“\(text)” is not what a refund knows") }
        self.init(input)
        refusal = object["refusal"]?.string
    }
    package func stored() -> String {
        var json = JSONWriter()
        json.object { json in
            input.write(to: &json)
            if let refusal { json.member("refusal", refusal) }
        }
        return json.string()
    }
}
