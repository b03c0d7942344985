import Determinism
import StrictJSON
import Synchronization

/// Stripe's books, as far as payment intents and refunds go, in memory: what a test asks for the truth.
///
/// Idempotency keys work as <https://docs.stripe.com/api/idempotent_requests> has it: a key gives its first answer
/// again for 24 hours, failures included; with other parameters it is refused; while its first request is being
/// executed, others are turned away.
public final class StripeLedger: Sendable {
    /// What a ledger shows of one caller's key.
    public struct Account: Sendable, Hashable {
        /// Payment intents that carry the key.
        public var intents = 0
        /// How often money was held or taken. More than one is what must never be.
        public var charges = 0
        /// What is held and not taken.
        public var held: Int64 = 0
        /// What was taken, before refunds.
        public var captured: Int64 = 0
        /// What was given back of it.
        public var refunded: Int64 = 0

        /// An account to compare with.
        public init(
            intents: Int = 0, charges: Int = 0, held: Int64 = 0, captured: Int64 = 0, refunded: Int64 = 0
        ) {
            (self.intents, self.charges) = (intents, charges)
            (self.held, self.captured, self.refunded) = (held, captured, refunded)
        }
        /// What the shop has.
        public var balance: Int64 { captured - refunded }
    }
    /// What a request meets under its key.
    public enum Admission: Sendable, Hashable {
        /// It is to be executed.
        case admitted
        /// It is not; this is its answer.
        case answered(LedgerAnswer)
    }
    private struct StoredAnswer {
        let path: String
        let parameters: String
        let since: Timestamp
        /// nil while the request is being executed.
        var answer: LedgerAnswer?
    }
    private struct State {
        var books: LedgerBooks
        var keys: [String: StoredAnswer] = [:]
        var requests = 0
    }
    private let state: Mutex<State>
    private let time: any TimeSource
    private let keyLifetime: Duration

    /// Empty books.
    /// - Parameters:
    ///   - metadataPrefix: that of the driver's configuration.
    ///   - keyLifetime: how long a key is remembered.
    public init(
        metadataPrefix: String = "caller", time: any TimeSource = SystemTime(), keyLifetime: Duration = .seconds(86_400)
    ) {
        state = Mutex(State(books: LedgerBooks(metadataPrefix: metadataPrefix)))
        (self.time, self.keyLifetime) = (time, keyLifetime)
    }

    /// Takes a request in, or answers it from what is stored under its key.
    public func admit(_ request: LedgerRequest) -> Admission {
        let now = time.now()
        return state.withLock { state in
            state.requests += 1
            guard request.method == "POST", let key = request.idempotencyKey else { return .admitted }
            if let known = state.keys[key], known.since + keyLifetime > now {
                if known.path != request.path || known.parameters != request.parameters {
                    let what = known.path == request.path ? "parameters" : "endpoint"
                    let message = "Keys for idempotent requests can only be used with the same \(what)"
                    return .answered(.failure(400, "idempotency_error", nil, message))
                }
                guard var answer = known.answer else {
                    let message = "There is currently another in-progress request using this key"
                    return .answered(.failure(409, "idempotency_error", "idempotency_key_in_use", message))
                }
                answer.isReplay = true
                return .answered(answer)
            }
            state.keys[key] = StoredAnswer(path: request.path, parameters: request.parameters, since: now)
            return .admitted
        }
    }

    /// Executes an admitted request and stores its answer.
    public func execute(_ request: LedgerRequest) -> LedgerAnswer {
        finish(request) { $0.execute(request, now: $1) }
    }
    /// Executes an admitted request, and fails then; or fails at once.
    public func fail(_ request: LedgerRequest, withEffect: Bool) -> LedgerAnswer {
        finish(request) { books, now in
            if withEffect { _ = books.execute(request, now: now) }
            return (.serverError, true)
        }
    }

    private func finish(
        _ request: LedgerRequest, _ body: (inout LedgerBooks, Timestamp) -> LedgerBooks.Execution
    ) -> LedgerAnswer {
        let now = time.now()
        return state.withLock { state in
            let execution = body(&state.books, now)
            if request.method == "POST", let key = request.idempotencyKey {
                if execution.isStored { state.keys[key]?.answer = execution.answer } else { state.keys[key] = nil }
            }
            return execution.answer
        }
    }
}

extension StripeLedger {
    /// How many requests have come.
    public var requestCount: Int { state.withLock { $0.requests } }

    /// What the books show of a charge's key.
    public func account(_ key: String) -> Account {
        state.withLock { state in
            var account = Account()
            for intent in state.books.intents where intent.metadata[state.books.keyField] == key {
                account.intents += 1
                account.charges += intent.charges
                if intent.status == "requires_capture" { account.held += intent.amount }
                if intent.status == "succeeded" { account.captured += intent.amount }
                account.refunded += intent.refunded
            }
            return account
        }
    }

    /// The states of the payment intents that carry a key, in the order they were made.
    public func statuses(_ key: String) -> [String] {
        state.withLock { state in
            state.books.intents.filter { $0.metadata[state.books.keyField] == key }.map(\.status)
        }
    }

    /// The amounts that were given back under a refund's key.
    public func refunds(_ key: String) -> [Int64] {
        state.withLock { state in
            state.books.refunds.filter { $0.metadata[state.books.keyField] == key }.map(\.amount)
        }
    }

    /// How long an intent stays unknown to the search.
    public func setSearchLag(_ lag: Duration) { state.withLock { $0.books.searchLag = lag } }
    /// Whether there is a search at all: in India there is none.
    public func setSearchable(_ isSearchable: Bool) { state.withLock { $0.books.isSearchable = isSearchable } }
    /// Forgets an idempotency key before its time.
    public func forgetKey(_ key: String) { state.withLock { $0.keys[key] = nil } }
    /// What becomes of refunds from now on: `succeeded`, `pending`, `failed`.
    public func setRefundStatus(_ status: String) { state.withLock { $0.books.refundStatus = status } }

    /// Ends the processing of a charge with `pm_card_processing`.
    public func finishProcessing(_ key: String) {
        change(key) { if $0.status == "processing" { $0.charge() } }
    }
    /// Lets a hold go, as Stripe does after some days.
    public func expireHold(_ key: String) {
        change(key) { intent in
            if intent.status == "requires_capture" {
                (intent.status, intent.cancellationReason) = ("canceled", "automatic")
            }
        }
    }
    /// Ends the refunds that are pending.
    public func finishRefunds(_ status: String) {
        state.withLock { state in
            for index in state.books.refunds.indices where state.books.refunds[index].status == "pending" {
                state.books.refunds[index].status = status
            }
        }
    }
    private func change(_ key: String, _ body: (inout LedgerIntent) -> Void) {
        state.withLock { state in
            for index in state.books.intents.indices
            where state.books.intents[index].metadata[state.books.keyField] == key {
                body(&state.books.intents[index])
            }
        }
    }
}
