import Testing

@testable import PostgresDriver

@Suite("The cache of prepared statements")
struct StatementCacheTests {
    private let a = PostgresStatement("a")
    private let b = PostgresStatement("b")
    private let c = PostgresStatement("c")

    /// Prepares a statement and confirms it.
    private func prepare(
        _ statement: PostgresStatement, _ types: [UInt32] = [], in cache: inout StatementCache
    ) -> StatementCache.Reference? {
        guard case .prepare(let reference) = cache.plan(statement, types: types, batch: 1) else { return nil }
        cache.confirm(reference)
        return reference
    }

    @Test func statementsAreFoundByTheirText() throws {
        var cache = StatementCache(capacity: 2)
        let reference = try #require(prepare(a, in: &cache))
        #expect(cache.plan(PostgresStatement("a"), types: [], batch: 2) == .named(reference))
        #expect(cache.count == 1)
    }

    @Test func aPreparationUnderWayIsNamedInItsOwnBatchOnly() throws {
        var cache = StatementCache(capacity: 2)
        guard case .prepare(let reference) = cache.plan(a, types: [], batch: 7) else {
            Issue.record("not prepared")
            return
        }
        #expect(cache.plan(a, types: [], batch: 7) == .named(reference))
        #expect(cache.plan(a, types: [], batch: 8) == .unnamed)
        cache.forget(reference)
        guard case .prepare = cache.plan(a, types: [], batch: 9) else {
            Issue.record("a skipped preparation is done again")
            return
        }
    }

    @Test func theLeastRecentlyUsedGivesWay() throws {
        var cache = StatementCache(capacity: 2)
        let first = try #require(prepare(a, in: &cache))
        let second = try #require(prepare(b, in: &cache))
        #expect(cache.plan(a, types: [], batch: 2) == .named(first))
        _ = try #require(prepare(c, in: &cache))
        #expect(cache.retired == [second])
        #expect(cache.count == 2)
        #expect(cache.plan(a, types: [], batch: 3) == .named(first))
        #expect(cache.takeRetired() == second)
        cache.keepRetired(second)
        #expect(cache.retired == [second])
    }

    @Test func aFullCacheOfPreparationsSendsTheTextUnnamed() {
        var cache = StatementCache(capacity: 1)
        _ = cache.plan(a, types: [], batch: 1)
        #expect(cache.plan(b, types: [], batch: 1) == .unnamed)
    }

    @Test func withoutCapacityEverythingIsUnnamed() {
        var cache = StatementCache(capacity: 0)
        #expect(cache.plan(a, types: [], batch: 1) == .unnamed)
        #expect(cache.count == 0)
        cache = StatementCache(capacity: 9)
        let long = PostgresStatement(String(repeating: " ", count: StatementCache.longestText + 1))
        #expect(cache.plan(long, types: [], batch: 1) == .unnamed)
    }

    @Test func typesSettleAfterValuesThatWereLeftOut() throws {
        var cache = StatementCache(capacity: 4)
        let first = try #require(prepare(a, [20, 0], in: &cache))
        #expect(cache.plan(a, types: [20, 0], batch: 2) == .named(first))
        #expect(cache.plan(a, types: [0, 0], batch: 2) == .named(first), "NULL suits every type")
        guard case .prepare(let second) = cache.plan(a, types: [0, 2_950], batch: 3) else {
            Issue.record("a type is known now")
            return
        }
        #expect(cache.types(of: second) == [20, 2_950])
        #expect(cache.retired == [first])
        cache.confirm(second)
        for types: [UInt32] in [[20, 0], [0, 2_950], [20, 2_950]] {
            #expect(cache.plan(a, types: types, batch: 4) == .named(second))
        }
    }

    @Test func manyStatementsStayInOrder() {
        var cache = StatementCache(capacity: 8)
        for number in 0..<100 {
            let statement = PostgresStatement("s\(number)")
            guard case .prepare(let reference) = cache.plan(statement, types: [], batch: number) else {
                Issue.record("\(number) was not prepared")
                return
            }
            cache.confirm(reference)
            _ = cache.takeRetired()
            #expect(cache.count == min(8, number + 1))
        }
        for number in 92..<100 {
            let plan = cache.plan(PostgresStatement("s\(number)"), types: [], batch: 1_000)
            guard case .named = plan else {
                Issue.record("\(number) is gone")
                return
            }
        }
    }
}
