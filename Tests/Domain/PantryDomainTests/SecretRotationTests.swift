import Determinism
import DeterminismTestKit
import Storage
import Testing

@testable import PantryDomain

@Suite struct SecretRotationTests {
    private let rotation = SecretRotation()
    private let start = Timestamp(microseconds: 1_000_000_000_000)

    private func entries(_ ages: [Duration]) -> [SecretRotation.Entry] {
        ages.enumerated().map {
            SecretRotation.Entry(number: Int64($0.offset + 1), madeAt: start + (Duration.zero - $0.element))
        }
    }

    @Test func anEmptyTableGetsItsFirstSecret() {
        #expect(rotation.plan([], now: start) == SecretRotation.Plan(makes: 1))
        #expect(rotation.sealing([], now: start) == nil)
    }

    @Test func theFirstSecretSealsAtOnceAndALaterOneOnlyWhenItIsKnown() {
        #expect(rotation.sealing(entries([.zero]), now: start) == 1)
        #expect(rotation.sealing(entries([.seconds(999), .seconds(119)]), now: start) == 1)
        #expect(rotation.sealing(entries([.seconds(999), .seconds(120)]), now: start) == 2)
    }

    @Test func aSecretIsReplacedAfterItsPeriodAndForgottenAfterItsRetention() {
        let day = Duration.seconds(24 * 3600)
        #expect(rotation.plan(entries([day * 29]), now: start).isEmpty)
        #expect(rotation.plan(entries([day * 30]), now: start) == SecretRotation.Plan(makes: 2))
        #expect(rotation.plan(entries([day * 37, day * 7]), now: start).isEmpty, "the notice counts as well")
        let late = entries([day * 38, day * 7 + rotation.notice])
        #expect(rotation.plan(late, now: start) == SecretRotation.Plan(forgets: [1]))
    }

    /// Two servers, one of which reads only now and then: at every moment each opens what the other has just sealed.
    @Test func twoServersOpenEachOthersSealsThroughRotations() async throws {
        try await withStore { store in
            var rotation = SecretRotation()
            (rotation.period, rotation.retention) = (.seconds(600), .seconds(900))
            let random = SeededRandom(seed: 1)
            let one = try await FleetSecrets.load(store.control, rotation: rotation, time: store.time, random: random)
            let two = try await FleetSecrets.load(store.control, rotation: rotation, time: store.time, random: random)
            var used: Set<Substring> = []
            for round in 0..<200 {
                store.time.advance(by: .seconds(20))
                try await one.refresh()
                if round % 4 == 0 { try await two.refresh() }
                for (maker, reader) in [(one, two), (two, one)] {
                    let sealed = maker.seal.seal("x", for: .answer)
                    used.insert(sealed.prefix { $0 != "." })
                    #expect(reader.seal.open(sealed, for: .answer) == "x", "in round \(round)")
                }
            }
            #expect(used.count >= 5, "it did rotate: \(used)")
            #expect(one.numbers.all.count <= 3, "and the old ones were forgotten: \(one.numbers.all)")
        }
    }
}
