import Determinism

extension PoolCore {
    /// Waits for the answer while `run()`, which has the timer, has not begun yet: this caller brings a timer of its
    /// own, so that a pool that nobody runs answers with an error rather than never.
    func waitOnItsOwn(_ ticket: WaitTicket, until deadline: Instant) async -> Answer {
        await withTaskGroup(of: Answer?.self) { group in
            group.addTask {
                try? await self.time.sleep(until: deadline)
                self.handle { $0.tick(now: $1) }
                return nil
            }
            group.addTask { await self.wait(ticket) }
            while let answer = await group.next() {
                guard let answer else { continue }
                group.cancelAll()
                return answer
            }
            preconditionFailure("a waiter is always answered")
        }
    }
}
