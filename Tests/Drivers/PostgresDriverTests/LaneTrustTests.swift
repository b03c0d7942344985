import Testing

@testable import PostgresDriver

/// How long batches lock what they read, after one that did not was deceived.
@Suite("LaneTrust")
struct LaneTrustTests {
    @Test func whoeverIsDeceivedWaitsLongerEachTime() {
        var trust = LaneTrust()
        func batchesWithout() -> Int {
            var count = 0
            while !trust.isGiven() { count += 1 }
            return count
        }
        #expect(batchesWithout() == 0)
        for expected in [8, 16, 32, 64, 128, 256, 512, 1_024, 1_024] {
            trust.wasWrong()
            #expect(batchesWithout() == expected)
        }
        for _ in 0..<20 { trust.wasRight() }
        trust.wasWrong()
        #expect(batchesWithout() == 8)
    }
}
