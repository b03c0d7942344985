import Determinism
import Sagas
import SagasTestKit
import Storage
import Synchronization
import Testing

/// Sagas put through everything that the test kit has.
@Suite("SagaTrials", .timeLimit(.minutes(2)))
struct SagaTrialTests {
    /// An account that keeps a key once, and settles every order of a payment and its way back.
    private final class Bank: Sendable {
        private struct Book {
            var paid: Set<String> = []
            var returned: Set<String> = []
            var tombstones: Set<String> = []
        }
        private let book = Mutex(Book())

        func pay(_ key: String) -> ExternalCallMachine<Void>.CallResult {
            book.withLock { book in
                if book.tombstones.contains(key) {
                    return .refused(code: "late", reason: "it was undone before it came")
                }
                book.paid.insert(key)
                return .done(())
            }
        }
        func giveBack(_ key: String) -> ExternalCallMachine<Void>.CallResult {
            book.withLock { book in
                if book.paid.contains(key) { book.returned.insert(key) } else { book.tombstones.insert(key) }
                return .done(())
            }
        }
        /// How many payments stand.
        var standing: Int { book.withLock { $0.paid.subtracting($0.returned).count } }
    }

    private func trip(_ bank: Bank) -> SagaTrial<Trip> {
        let saga = Saga(Trip.self, "trip", version: 1)
            .compensatable("seat", .local(.add(1, to: "seat")), undo: .local(.add(-1, to: "seat")))
            .compensatable(
                "pay", .external { _, context in bank.pay(context.forwardKey) },
                undo: .external { _, context in bank.giveBack(context.forwardKey) }
            )
            .parallel(
                SagaBranch()
                    .compensatable("room", .local(.add(1, to: "room")), undo: .local(.add(-1, to: "room")))
                    .compensatable(
                        "deposit", .external { _, context in bank.pay(context.forwardKey) },
                        undo: .external { _, context in bank.giveBack(context.forwardKey) }),
                SagaBranch().compensatable("car", .local(.add(1, to: "car")), undo: .local(.add(-1, to: "car")))
            )
            .awaiting("approval", .signal("approved", within: .seconds(3_600)))
            .pivot("ticket", .local(.add(1, to: "ticket")))
            .retriable("mail", .external { _, _ in .done(()) })
            .definition
        var trial = SagaTrial(saga, from: Trip()) { end in
            let stands = end.ending == .succeeded
            guard bank.standing == (stands ? 2 : 0) else {
                throw SagaTrialFault("\(bank.standing) payments stand though the trip has \(end.ending)")
            }
            for name in ["seat", "room", "car", "ticket"] {
                let value = try end.tables.record(TallyRecord.key(1, name))?.value ?? 0
                if value != (stands ? 1 : 0) { throw SagaTrialFault("“\(name)” is \(value)") }
            }
        }
        trial.signals = [("approved", "anna")]
        return trial
    }

    /// The fewest commits and calls of a trip on each of its ways, by the local step that refuses, whoever of the two
    /// branches is first. Before each call there is a commit, which holds its intent, and behind it another one; what
    /// is local may come with any of them.
    private static let fewest: [(refusing: String?, commits: Int, calls: Int)] = [
        // The payment's intent; its end, and the deposit's intent; its end, and the wait; the signal; the mail's
        // intent, once somebody has taken the saga up; its end.
        (nil, 6, 3),
        // The first step, in the commit that begins the saga.
        ("seat", 1, 0),
        // The payment's intent; its end, and the intent to undo it; that. The deposit comes behind the room.
        ("room", 3, 2),
        // The same; the room and the deposit may come to be made and undone as well.
        ("car", 3, 2),
        // As far as the signal; the intents to undo the deposit, and the payment when that is done; the last one's end.
        ("ticket", 7, 4),
    ]

    @Test func everyAfflictionEndsInAWayThatTheSagaMayEnd() async throws {
        let report = try await SagaTrials.run { trip(Bank()) }
        #expect(report.failures.isEmpty, "\(report)")
        // How many calls and commits branches side by side make depends on who is first, and on how busy the machine is
        // when they are counted: a trial of one more than there are later is spared. Those that went wrong count.
        #expect(report.count - report.spared > 250, "\(report)")
        for way in Self.fewest {
            for kind in SagaTrialKind.allCases {
                let least = kind.isOfCommits || kind == .cancellation ? way.commits : kind.isOfCalls ? way.calls : 1
                let count = report.strikes[SagaTrialStrike(kind, refusing: way.refusing)] ?? 0
                #expect(count >= least, "\(kind) came \(count) times where \(way.refusing ?? "nothing") refuses")
            }
        }
        #expect((report.endings[.succeeded] ?? 0) > 20 && (report.endings[.compensated] ?? 0) > 200, "\(report)")
    }

    /// The kit must find what is wrong: this bank books a payment as often as it is called.
    @Test func bankThatBooksTwiceIsFound() async throws {
        let report = try await SagaTrials.run {
            let booked = Counter()
            let saga = Saga(Trip.self, "trip", version: 1)
                .compensatable(
                    "pay",
                    .external { _, _ in
                        booked.add(1)
                        return .done(())
                    },
                    undo: .external { _, _ in
                        booked.add(-1)
                        return .done(())
                    }
                )
                .pivot("ticket", .local(.add(1, to: "ticket"))).definition
            return SagaTrial(saga, from: Trip()) { end in
                let due = end.ending == .succeeded ? 1 : 0
                if booked.value != due { throw SagaTrialFault("\(booked.value) payments, not \(due)") }
            }
        }
        #expect(!report.failures.isEmpty)
    }

    private final class Counter: Sendable {
        private let count = Mutex(0)
        var value: Int { count.withLock { $0 } }
        func add(_ amount: Int) { count.withLock { $0 += amount } }
    }
}
