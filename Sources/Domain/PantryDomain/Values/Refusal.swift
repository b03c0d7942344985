/// One thing that is wrong with a request: where (RFC 6901), what kind, and what would be right.
package struct FieldProblem: Error, Sendable, Hashable {
    package var pointer: String
    package var code: String
    package var detail: String
    package init(_ pointer: String, _ code: String, _ detail: String) {
        (self.pointer, self.code, self.detail) = (pointer, code, detail)
    }
}

/// A line of an order that cannot be had; one entry for each SKU, summed over the order's lines.
package struct ShortLine: Sendable, Hashable {
    package var sku: String
    package var requested: Int64
    package var available: Int64
}

/// Why a request is refused. Each case is one of the contract's answers.
package enum Refusal: Error, Sendable, Hashable {
    case notFound(String)
    case alreadyExists(String)
    case invalid([FieldProblem])
    case outOfStock([ShortLine])
    case stockChanged(onHand: Int64)
    case invalidTransition(from: String, allowed: [String], detail: String)
    /// Another operation holds the order at this moment; trying again is right.
    case busy(String)
    case paymentDeclined(code: String)
    case paymentUnavailable(String)
    case keyReused
    case keyInProgress
    case overloaded(String)
    /// The shard cannot take writes or be read now.
    case shardUnavailable(String)
    /// A commit got no answer: it may have taken effect; the same key tells.
    case unknownOutcome(String)
    /// What the caller's token stands for is gone: the database failed over to a server that did not have it.
    case writeLost(String)
}
