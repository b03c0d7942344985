import Determinism

/// What a failed read means for another attempt.
public enum ReadVerdict: Sendable, Hashable {
    /// Nothing to try again: the statement is wrong, or the caller has left.
    case final
    /// Another host may answer: a replica's recovery cancelled the read (40001), or its state was too old after all.
    case elsewhere
    /// Another host may answer, and this one's connection says something about it.
    case failed(ReplicaSetMachine.ConnectionFailure)
}

extension ReplicaRouter {
    /// Routes a read, carries it out, and takes it to another host when one fails; each host is tried once at most,
    /// the primary last.
    /// - Parameters:
    ///   - deadline: of the request; no attempt begins after it.
    ///   - judge: what an error of `body` means.
    ///   - body: reads from the route's host.
    /// - Throws: ``ReplicaRoutingError`` when there is no host to begin with, else what the last attempt threw.
    public func read<Value: Sendable>(
        _ requirement: ReadRequirement, deadline: Instant? = nil, judge: (any Error) -> ReadVerdict,
        _ body: (ReadRoute) async throws -> Value
    ) async throws -> Value {
        var failed = HostSet.empty
        var route = try await route(requirement, deadline: deadline)
        while true {
            let start = time.instant()
            do {
                let value = try await body(route)
                end(route, .served(latency: time.instant() - start))
                return value
            } catch {
                switch judge(error) {
                case .final:
                    end(route, .abandoned)
                    throw error
                case .elsewhere: end(route, .abandoned)
                case .failed(let failure): end(route, .failed(failure))
                }
                failed.insert(route.host)
                if let deadline, time.instant() >= deadline { throw error }
                // No host is left: what the last one said is worth more than that.
                guard let next = try? await self.route(requirement, deadline: deadline, excluding: failed) else {
                    throw error
                }
                route = next
            }
        }
    }
}
