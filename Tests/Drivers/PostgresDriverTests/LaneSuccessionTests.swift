import Testing

@testable import PostgresDriver

/// Whose heritage a batch may go by.
@Suite("LaneSuccession")
struct LaneSuccessionTests {
    @Test("what a batch has left counts once it is committed, and until the next one is sent")
    func turns() {
        var succession = LaneSuccession()
        #expect(succession.leader(of: 1) == nil)
        succession.send(leaving: 1)
        #expect(succession.leader(of: 1) == nil, "nobody knows its number yet")
        succession.commit(700, wasAhead: false)
        #expect(succession.leader(of: 1) == 700 && succession.leader(of: 2) == nil)
        succession.send(leaving: 2)
        #expect(succession.leader(of: 1) == nil, "another batch may be changing the rows")
        succession.commit(701, wasAhead: true)
        #expect(succession.leader(of: 2) == 701 && succession.leader(of: 1) == nil)
    }

    @Test("nothing is inherited from a batch that failed, has no number, or leaves nothing")
    func nothing() {
        var succession = LaneSuccession()
        succession.send(leaving: 1)
        succession.fail()
        succession.commit(700, wasAhead: false)
        #expect(succession.leader(of: 1) == nil, "it began anew, and left something else")
        succession.send(leaving: 2)
        succession.commit(nil, wasAhead: false)
        #expect(succession.leader(of: 2) == nil)
        succession.send(leaving: 3)
        succession.commit(701, wasAhead: false)
        succession.send(leaving: nil)
        succession.commit(702, wasAhead: false)
        #expect(succession.leader(of: 3) == nil)
        succession.send(leaving: 4)
        succession.commit(703, wasAhead: false)
        succession.fail()
        #expect(succession.leader(of: 4) == nil)
    }

    @Test("after one that was deceived there are none for a while, and longer each time")
    func trust() {
        var succession = LaneSuccession()
        func batchesWithout() -> Int {
            var count = 0
            while !succession.isTrusted {
                succession.begin()
                count += 1
            }
            return count
        }
        #expect(batchesWithout() == 0)
        for expected in [8, 16, 32] {
            succession.wasDeceived()
            #expect(batchesWithout() == expected)
        }
        succession.send(leaving: 1)
        for _ in 0..<8 { succession.commit(7, wasAhead: true) }
        succession.wasDeceived()
        #expect(batchesWithout() == 8)
    }
}
