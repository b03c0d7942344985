import Determinism
import Testing

@testable import PantryAssembly

@Suite("Age of keys")
struct KeyAgeTests {
    private func wall(_ seconds: Int64) -> Timestamp { Timestamp(microseconds: seconds * 1_000_000) }
    private func moment(_ seconds: Int) -> Instant { Instant(nanoseconds: 0) + .seconds(seconds) }

    @Test func keysOfTwoDaysAreForgotten() {
        var age = KeyAge(wall: wall(1_000_000), at: moment(0))
        #expect(age.limit(wall: wall(1_000_600), at: moment(600)) == wall(1_000_600 - 172_800))
        // Set by a few seconds.
        #expect(age.limit(wall: wall(1_001_190), at: moment(1_200)) == wall(1_001_190 - 172_800))
    }

    /// A machine began in 1970, took orders, and was set right: ten minutes later their keys were gone.
    @Test(arguments: [Int64(1_700_000_000), -500_000]) func afterAJumpNothingIsForgottenForTwoDays(jump: Int64) {
        var age = KeyAge(wall: wall(1_000_000), at: moment(0))
        #expect(age.limit(wall: wall(1_000_600 + jump), at: moment(600)) == nil)
        #expect(age.limit(wall: wall(1_100_000 + jump), at: moment(100_000)) == nil)
        let later = wall(1_180_000 + jump)
        #expect(age.limit(wall: later, at: moment(180_000)) == later + .seconds(-172_800))
    }
}
