/// A caller that waits. It joins the queue first and parks its continuation then; the answer may come in between. An
/// object of its own, because its place in the machine's table is used again as soon as it is answered.
///
/// Unchecked: what changes is read and written under the lock of the ``PoolCore`` that made it.
final class WaitTicket: @unchecked Sendable {
    let waiter: WaiterID
    let holder: LeaseHolder
    private var answer: PoolCore.Answer?
    private var continuation: UnsafeContinuation<PoolCore.Answer, Never>?

    init(_ waiter: WaiterID, _ holder: LeaseHolder) { (self.waiter, self.holder) = (waiter, holder) }

    /// The answer has come: the continuation to resume with it, if the caller is parked already.
    func settle(_ answer: PoolCore.Answer) -> UnsafeContinuation<PoolCore.Answer, Never>? {
        defer { continuation = nil }
        if continuation == nil { self.answer = answer }
        return continuation
    }

    /// The caller waits: the answer, if it was faster.
    func park(_ continuation: UnsafeContinuation<PoolCore.Answer, Never>) -> PoolCore.Answer? {
        if answer == nil { self.continuation = continuation }
        return answer
    }
}
