import Determinism
import DeterminismTestKit
import Testing

@testable import PantryDomain

/// What tells installations from each other.
@Suite("Installation ids")
struct InstallationIDTests {
    private func id(_ store: Store, _ seed: UInt64) async throws -> InstallationID {
        try await InstallationID.load(store.control, time: store.time, random: SeededRandom(seed: seed))
    }

    @Test func whatTheFirstServerMadeIsTheOthersToo() async throws {
        try await withStore { store in
            let first = try await id(store, 1)
            #expect(first.text.count == 12 && first.text.allSatisfy(\.isHexDigit))
            for seed in 2...5 as ClosedRange<UInt64> { #expect(try await id(store, seed) == first) }
        }
    }

    @Test func serversThatStartAtOnceAgree() async throws {
        try await withStore { store in
            let ids = try await withThrowingTaskGroup(of: InstallationID.self) { group in
                for seed in 1...8 as ClosedRange<UInt64> { group.addTask { try await id(store, seed) } }
                return try await group.reduce(into: Set<InstallationID>()) { $0.insert($1) }
            }
            #expect(ids.count == 1)
        }
    }

    @Test func eachInstallationHasItsOwn() async throws {
        try await withStore { one in
            let first = try await id(one, 1)
            try await withStore { other in
                let second = try await id(other, 2)
                #expect(second != first)
            }
        }
    }
}
