import Determinism
import Testing

@testable import Sagas
@testable import Storage

/// Semantic locks: who holds them, who waits, and who comes next.
@Suite("SagaLocking and SagaLockRecord")
struct SagaLockingTests {
    private static let now = Timestamp(microseconds: 1_000)

    private static func id(_ number: Int) -> SagaID {
        SagaID(UUIDv7(time: Timestamp(microseconds: 1_000), slot: 1, random: UInt64(number)))
    }

    /// Sagas and the locks' rows, all of which are loaded.
    private struct Shop {
        var work = WorkingSet()
        var progress: [Int: SagaProgress] = [:]

        init(_ resources: [String]) {
            for need in SagaLocking.needs(1, resources) { work.absorb(need, []) }
        }
        static func record(_ saga: Int) -> SagaRecord {
            SagaRecord(
                organization: 1, id: id(saga), definition: "test", version: 1, subject: id(saga).uuid, input: "{}",
                step: "a", now: now, lease: .zero)
        }
        mutating func acquire(_ saga: Int, _ resources: [String], at moment: Timestamp = now) -> SagaLocking.Answer {
            SagaLocking.acquire(
                resources, for: Self.record(saga), &progress[saga, default: SagaProgress(entries: [])], in: &work,
                at: moment)
        }
        mutating func release(_ saga: Int, at moment: Timestamp = now) -> [SagaID] {
            SagaLocking.release(
                Self.record(saga), &progress[saga, default: SagaProgress(entries: [])], in: &work, at: moment)
        }
        subscript(resource: String) -> SagaLockRecord? { work[SagaLockRecord.key(1, resource)] }
    }

    @Test func freeLockIsTakenAndHeldAgain() {
        var shop = Shop(["door"])
        #expect(shop.acquire(1, ["door"]) == .held)
        #expect(shop["door"]?.holder == Self.id(1) && shop["door"]?.since == Self.now && shop["door"]?.waiting == [])
        #expect(shop.progress[1]?.locks == ["door"])
        let later = Self.now + .seconds(1)
        #expect(shop.acquire(1, ["door", "door"], at: later) == .held, "whoever holds it has it")
        #expect(shop["door"]?.since == Self.now && shop.progress[1]?.locks == ["door"])
    }

    @Test func lineIsServedInItsOrder() {
        var shop = Shop(["door"])
        _ = shop.acquire(1, ["door"])
        for saga in [2, 3, 4] { #expect(shop.acquire(saga, ["door"]) == .waits("door", holder: Self.id(1))) }
        #expect(shop.acquire(3, ["door"]) == .waits("door", holder: Self.id(1)), "asked again it keeps its place")
        #expect(shop["door"]?.waiting == [2, 3, 4].map(Self.id))
        let later = Self.now + .seconds(7)
        #expect(shop.release(1, at: later) == [Self.id(2)])
        #expect(shop["door"]?.holder == Self.id(2) && shop["door"]?.since == later)
        #expect(shop["door"]?.waiting == [3, 4].map(Self.id))
        #expect(shop.acquire(1, ["door"]) == .waits("door", holder: Self.id(2)), "it is handed on, not let go")
        #expect(shop.acquire(2, ["door"]) == .held)
        #expect(shop.release(2) == [Self.id(3)])
        #expect(shop.release(3) == [Self.id(4)])
        #expect(shop.release(4) == [Self.id(1)])
        #expect(shop.release(1) == [] && shop["door"] == nil, "the row is there while somebody holds the lock")
    }

    @Test func whoeverIsInTheMiddleMayLeaveTheLine() {
        var shop = Shop(["door"])
        _ = shop.acquire(1, ["door"])
        for saga in [2, 3] { _ = shop.acquire(saga, ["door"]) }
        #expect(shop.release(2) == [], "nobody got a lock by that")
        #expect(shop["door"]?.holder == Self.id(1) && shop["door"]?.waiting == [Self.id(3)])
        #expect(shop.progress[2]?.locks == [])
        #expect(shop.release(1) == [Self.id(3)])
    }

    /// A saga on its way back was handed the lock that it had waited for, and kept others from it until it had ended.
    @Test func onTheWayBackOnlyWhatIsHeldIsKept() {
        var shop = Shop(["a", "door"])
        _ = shop.acquire(1, ["door"])
        _ = shop.acquire(2, ["a", "door"])
        _ = shop.acquire(3, ["door"])
        SagaLocking.leaveLines(Shop.record(2), &shop.progress[2, default: SagaProgress(entries: [])], in: &shop.work)
        #expect(shop.progress[2]?.locks == ["a"] && shop["a"]?.holder == Self.id(2))
        #expect(shop["door"]?.waiting == [Self.id(3)])
        #expect(shop.release(1) == [Self.id(3)])
    }

    /// Two names that are equal as texts and not as rows: one of them was held for ever.
    @Test func namesThatOnlyLookAlikeAreTwoLocks() {
        let names = ["caf\u{E9}", "cafe\u{301}"]
        var shop = Shop(names)
        #expect(shop.acquire(1, names) == .held)
        _ = shop.release(1)
        for name in names { #expect(shop[name] == nil, "\(name.utf8.count) bytes") }
    }

    @Test func severalLocksAreTakenWhereTheyAreFree() {
        var shop = Shop(["a", "b", "c"])
        _ = shop.acquire(1, ["b"])
        #expect(shop.acquire(2, ["c", "a", "b"]) == .waits("b", holder: Self.id(1)))
        #expect(shop["a"]?.holder == Self.id(2) && shop["c"]?.holder == Self.id(2))
        #expect(Set(shop.progress[2]?.locks ?? []) == ["a", "b", "c"], "what it waits for is to be left as well")
        #expect(shop.acquire(3, ["a", "c"]) == .waits("a", holder: Self.id(2)), "the first that is missing is named")
        #expect(shop.release(1) == [Self.id(2)])
        #expect(shop.acquire(2, ["a", "b", "c"]) == .held)
        #expect(Set(shop.release(2)) == [Self.id(3)])
        #expect(shop.acquire(3, ["a", "c"]) == .held)
    }

    /// Those who ask for the same locks in different orders never hold what the other waits for.
    @Test func oneStepsLocksMakeNoCircle() {
        var shop = Shop(["a", "b"])
        #expect(shop.acquire(1, ["a", "b"]) == .held)
        #expect(shop.acquire(2, ["b", "a"]) == .waits("a", holder: Self.id(1)))
        #expect(shop.acquire(3, ["a", "b"]) == .waits("a", holder: Self.id(1)))
        _ = shop.release(1)
        #expect(shop.acquire(2, ["b", "a"]) == .held)
        _ = shop.release(2)
        #expect(shop.acquire(3, ["a", "b"]) == .held)
    }

    @Test func lineHasAnEnd() {
        var shop = Shop(["door"])
        for saga in 0...SagaLockRecord.lineLimit { _ = shop.acquire(saga, ["door"]) }
        #expect(shop["door"]?.waiting.count == SagaLockRecord.lineLimit)
        #expect(shop.acquire(9_999, ["door"]) == .refused("door"))
        #expect(shop["door"]?.waiting.count == SagaLockRecord.lineLimit)
        #expect(shop.progress[9_999]?.locks == [], "it stands in no line that it would have to leave")
        #expect(shop.acquire(7, ["door"]) == .waits("door", holder: Self.id(0)), "who stands in it already stays")
        _ = shop.release(7)
        #expect(shop.acquire(9_999, ["door"]) == .waits("door", holder: Self.id(0)), "a place has become free")
    }

    @Test func whatIsNotHeldIsNotGivenBack() {
        var shop = Shop(["a", "b"])
        _ = shop.acquire(1, ["a"])
        #expect(shop.release(2) == [])
        // A row that an operator has removed, and one that is somebody else's by now.
        shop.progress[3] = SagaProgress(entries: [])
        shop.progress[3]?.locks = ["a", "b"]
        #expect(shop.release(3) == [])
        #expect(shop["a"]?.holder == Self.id(1) && shop["b"] == nil)
        #expect(shop.progress[3]?.locks == [])
    }

    @Test(arguments: [0, 1, 2, SagaLockRecord.lineLimit]) func rowIsReadAsItWasWritten(waiting: Int) throws {
        var row = SagaLockRecord(organization: 7, resource: "order 7/é \"x\"", holder: Self.id(1), since: Self.now)
        row.waiting = (0..<waiting).map { Self.id($0 + 2) }
        #expect(try Columns.roundTrip(row) == row)
    }

    @Test func damagedLineIsRefusedWithItsText() {
        let columns = Columns()
        columns.integer(1)
        columns.text("door")
        columns.uuid(Self.id(1).uuid)
        columns.timestamp(Self.now)
        columns.text("\(Self.id(2)) nobody")
        #expect(throws: StorageError.corrupt("“nobody” is not a saga's id")) { try SagaLockRecord(from: columns) }
    }
}
