import PostgresDriver
import Testing

@testable import PantryAssembly

@Suite("Connections: whether the pools fit into their servers")
struct ConnectionBudgetTests {
    private func capacity(_ server: String, maximum: Int, processes: Int) -> ConnectionCapacity {
        ConnectionCapacity(server: server, maximum: maximum, reserved: 3, processes: processes)
    }

    @Test("what fits is not worth a word")
    func fits() {
        var budget = ConnectionBudget(limit: 20)
        budget.add("shard-0", capacity("db:5432", maximum: 95, processes: 4))
        #expect(budget.warnings == [])
        budget.add("shard-1", capacity("db2:5432", maximum: 26, processes: 1))
        #expect(budget.warnings == [])
    }

    @Test("databases on one server count together, and the sum and a way out are shown")
    func together() throws {
        var budget = ConnectionBudget(limit: 20)
        budget.add("control", capacity("db:5432", maximum: 100, processes: 2))
        #expect(budget.warnings == [])
        budget.add("shard-0", capacity("db:5432", maximum: 100, processes: 3))
        let warning = try #require(budget.warnings.first)
        #expect(warning.contains("takes 97 connections") && warning.contains("may ask for 138"))
        #expect(warning.contains("set pool.limit to 13 or less"), "\(warning)")
        // With that limit it is so.
        var lower = ConnectionBudget(limit: 13)
        for name in ["control", "shard-0"] { lower.add(name, capacity("db:5432", maximum: 100, processes: 3)) }
        #expect(lower.warnings == [])
    }

    @Test("a server that is too small for any pool")
    func hopeless() throws {
        var budget = ConnectionBudget(limit: 1)
        budget.add("shard-0", capacity("db:5432", maximum: 10, processes: 5))
        let warning = try #require(budget.warnings.first)
        #expect(!warning.contains("set pool.limit") && warning.contains("raise max_connections"))
    }
}
