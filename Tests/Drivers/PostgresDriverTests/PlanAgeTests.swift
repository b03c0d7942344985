import Testing

@testable import PostgresDriver

@Suite("When plans are too old")
struct PlanAgeTests {
    @Test("each time that the lane has had twice as many batches")
    func doubles() {
        var age = PlanAge()
        #expect((1...40).filter { age.begins($0) } == [2, 4, 8, 16, 32])
    }

    @Test("counted from the connection's first batch, whoever has the others")
    func others() {
        var age = PlanAge()
        #expect([101, 140, 141, 250, 251].filter { age.begins($0) } == [140, 250])
    }

    @Test("a new table begins anew")
    func table() {
        var age = PlanAge()
        for number in 1...1_000 { _ = age.begins(number) }
        age.metTable()
        #expect((1_001...1_020).filter { age.begins($0) } == [1_001, 1_003, 1_007, 1_015])
    }
}
