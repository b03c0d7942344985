import StrictJSON

/// What became of an order, as its answer tells.
package enum OrderOutcome: String, Sendable, Hashable, CaseIterable {
    case confirmed
    /// Accepted, and its payment waits.
    case queued
    /// Accepted, and nobody knows yet whether it is paid.
    case processing
    case canceled
    case outOfStock
    case declined
    case paymentUnavailable
    /// Anything else that the server said.
    case refused
    /// The server said nothing.
    case unanswered

    /// For people.
    package var words: String {
        switch self {
        case .confirmed: "confirmed"
        case .queued: "queued, payment waits"
        case .processing: "processing"
        case .canceled: "canceled"
        case .outOfStock: "out of stock"
        case .declined: "declined"
        case .paymentUnavailable: "payment unavailable"
        case .refused: "refused"
        case .unanswered: "unanswered"
        }
    }

    package init(_ outcome: APIOutcome) {
        guard let answer = outcome.answer else {
            self = .unanswered
            return
        }
        switch (answer.status, answer.code) {
        case (200...202, _):
            switch answer["status"]?.string {
            case "confirmed", "fulfilled", "refunded": self = .confirmed
            case "pending":
                self = answer["payment"]?.object?["status"]?.string == "queued" ? .queued : .processing
            case "canceled", "expired", "failed": self = .canceled
            default: self = .refused
            }
        case (402, "payment-declined"): self = .declined
        case (409, "out-of-stock"): self = .outOfStock
        case (503, "payment-unavailable"): self = .paymentUnavailable
        default: self = .refused
        }
    }
}

/// What placing an order came to.
package struct OrderResult: Sendable, Hashable {
    package var answer: APIOutcome
    /// From the first attempt's start to the last one's answer.
    package var duration: Duration
    package var attempts: Int
    /// Whether an earlier attempt of these got no answer: what is a repeat to the server may be the first one's work.
    package var followsLostAnswer: Bool

    package init(answer: APIOutcome, duration: Duration, attempts: Int = 1, followsLostAnswer: Bool = false) {
        (self.answer, self.duration, self.attempts) = (answer, duration, attempts)
        self.followsLostAnswer = followsLostAnswer
    }

    package var outcome: OrderOutcome { OrderOutcome(answer) }
    /// Whether somebody else had placed it before.
    package var isReplay: Bool { !followsLostAnswer && answer.answer?.isReplay ?? false }
    /// The order's id, of a declined one too.
    package var id: String? { (answer.answer?["id"] ?? answer.answer?["orderId"])?.string }
    /// Minor units.
    package var total: Int64 { answer.answer?["total"]?.object?["amount"]?.integer ?? 0 }
    package var currency: String? { answer.answer?["total"]?.object?["currency"]?.string }

    package var code: String { answer.answer.map { $0.code ?? "status-\($0.status)" } ?? "no-answer" }
    package var detail: String {
        switch answer {
        case .answered(let answer): answer.detail
        case .noAnswer(let reason): reason
        }
    }
}
