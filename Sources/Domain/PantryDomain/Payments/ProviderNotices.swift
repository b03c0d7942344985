import Determinism
import Sagas
import Storage
import Synchronization

/// Takes what a provider says about payments: the order's saga looks again, now instead of later. An event that was
/// heard lately is not looked at again; on another server it may be, which changes nothing.
package final class ProviderNotices: Sendable {
    /// So many ids of events are remembered.
    private static let memory = 10_000
    private let organizations: OrganizationService
    private let time: any TimeSource
    private let heard = Mutex(RecentNames(limit: memory))

    package init(organizations: OrganizationService, time: any TimeSource) {
        (self.organizations, self.time) = (organizations, time)
    }

    /// - Returns: whether a saga looks again because of it.
    /// - Throws: when that could not be brought about; the provider is to say it again.
    @discardableResult
    package func hear(_ notice: ProviderNotice) async throws(Refusal) -> Bool {
        if heard.withLock({ $0.contains(notice.id) }) { return false }
        let woken = try await lookAgain(notice)
        heard.withLock { $0.insert(notice.id) }
        return woken
    }

    private func lookAgain(_ notice: ProviderNotice) async throws(Refusal) -> Bool {
        let context: TenantContext
        do throws(Refusal) {
            context = try await organizations.context(
                for: notice.organization, traceparent: nil, deadline: time.instant() + .seconds(5))
        } catch {
            // One of another installation that has the same account.
            if case .notFound = error { return false }
            throw error
        }
        guard let saga = try await OrderQueries.saga(of: notice.order, in: context) else { return false }
        do {
            return try await context.shard.sagas.runtime.hurry(saga, of: context.caller.tenant)
        } catch let failure as LaneFailure {
            throw Refusal(failure)
        } catch { throw .shardUnavailable("\(error)") }
    }
}

/// The names that came last, up to a limit.
struct RecentNames: Sendable {
    private let limit: Int
    private var names: Set<String> = []
    private var order: [String] = []
    private var next = 0

    init(limit: Int) { self.limit = limit }

    func contains(_ name: String) -> Bool { names.contains(name) }

    /// Adds one, in the place of the oldest one when there is no room.
    mutating func insert(_ name: String) {
        guard names.insert(name).inserted else { return }
        if order.count < limit {
            order.append(name)
        } else {
            names.remove(order[next])
            order[next] = name
            next = (next + 1) % limit
        }
    }
}
