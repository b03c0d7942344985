import Determinism

/// Places orders and tries again, with the same key, where trying again may help.
package struct OrderSender: Sendable {
    package let client: APIClient
    package let time: any TimeSource
    /// How often one order is sent at most.
    package var attempts = 8

    package init(_ client: APIClient, time: any TimeSource) { (self.client, self.time) = (client, time) }

    package func place(_ draft: OrderDraft, as credential: String) async -> OrderResult {
        let request = APIRequest("POST", "/v1/orders", draft.body, key: draft.key)
        let start = time.instant()
        var (attempt, hasLostAnswer) = (1, false)
        while true {
            let outcome = await client.send(request, as: credential)
            let result = OrderResult(
                answer: outcome, duration: time.instant() - start, attempts: attempt, followsLostAnswer: hasLostAnswer)
            guard attempt < attempts, let pause = Self.pause(after: outcome, attempt: attempt),
                (try? await time.sleep(for: pause)) != nil
            else { return result }
            attempt += 1
            hasLostAnswer = hasLostAnswer || outcome.answer == nil
        }
    }

    /// How long to wait before the same request is sent again; nil when that would change nothing.
    package static func pause(after outcome: APIOutcome, attempt: Int) -> Duration? {
        let growing = min(Duration.milliseconds(50 << min(attempt, 10)), .seconds(2))
        guard let answer = outcome.answer else { return growing }
        switch (answer.status, answer.code) {
        case (503, "payment-unavailable"): return nil
        case (429, _): return max(growing, min(answer.retryAfter ?? .zero, .seconds(60)))
        case (408, _), (503, _), (409, "idempotency-in-progress"), (409, "order-busy"):
            return max(growing, min(answer.retryAfter ?? .zero, .seconds(5)))
        default: return nil
        }
    }
}
