import Determinism
import Testing

@testable import Storage

/// What the commands of a batch see and change.
@Suite("WorkingSet")
struct WorkingSetTests {
    private func loaded(_ accounts: [Account], version: Int64 = 1, missing: [String] = []) -> WorkingSet {
        var work = WorkingSet()
        for account in accounts { work.absorb(.row(account.key), [RecordBox(account, version: version)]) }
        for name in missing { work.absorb(.row(Account.key(name)), []) }
        return work
    }

    @Test func rowsAreThereOrKnownToBeMissing() {
        let work = loaded([Account("a", 1)], missing: ["b"])
        #expect(work[Account.key("a")] == Account("a", 1))
        #expect(work[Account.key("b")] == nil)
        #expect(work.isLoaded(Account.key("a")) && work.isLoaded(Account.key("b")))
        #expect(!work.isLoaded(Account.key("c")) && !work.has(.row(Account.key("c"))))
        #expect(work.changes.isEmpty)
    }

    @Test func putInsertsOrUpdates() throws {
        var work = loaded([Account("a", 1)], version: 5, missing: ["b"])
        var account = try #require(work[Account.key("a")])
        account.balance = 2
        work.put(account)
        work.put(Account("b", 3))
        #expect(work[Account.key("a")]?.balance == 2)
        #expect(describe(work) == ["update a 2 v6", "insert b 3 v1"])
    }

    @Test func insertNeedsNoLoad() {
        var work = loaded([])
        work.insert(Account("n", 1))
        #expect(work[Account.key("n")]?.balance == 1)
        #expect(describe(work) == ["insert n 1 v1"])
    }

    @Test func removeDeletesWhatWasThere() {
        var work = loaded([Account("a", 1)], missing: ["b"])
        work.remove(Account.key("a"))
        work.remove(Account.key("b"))
        #expect(work[Account.key("a")] == nil)
        #expect(describe(work) == ["delete a"])
    }

    @Test func rowThatCameAndWentIsNotWritten() {
        var work = loaded([], missing: ["b"])
        work.put(Account("b", 1))
        work.remove(Account.key("b"))
        #expect(work.changes.isEmpty)
        work.put(Account("b", 2))
        #expect(describe(work) == ["insert b 2 v1"])
    }

    /// An update would keep the fixed columns of the row that was removed.
    @Test func rowThatWasRemovedAndMadeAnewIsDeletedAndInserted() {
        var work = loaded([Account("a", 1, owner: "old"), Account("b", 1)], version: 4)
        work.remove(Account.key("a"))
        work.insert(Account("a", 9, owner: "new"))
        #expect(describe(work) == ["delete a", "insert a 9 v5"])
        work.remove(Account.key("b"))
        _ = work.scoped { work -> Verdict<Int> in
            work.put(Account("b", 5))
            return .discard(0)
        }
        #expect(describe(work) == ["delete a", "insert a 9 v5", "delete b"])
    }

    @Test func changesAreCoalescedAndSorted() {
        var work = loaded([Account("b", 1), Account("a", 1), Account("c", 1)])
        work.absorb(.row(FenceRecord.key(1)), [])
        for balance in 2...5 as ClosedRange<Int64> {
            work.put(Account("c", balance))
            work.put(Account("a", balance * 10))
        }
        work.put(FenceRecord(organization: 1, epoch: 1, state: .active))
        work.remove(Account.key("b"))
        let changes = work.changes
        #expect(changes.map(\.key.table.name) == ["fences", "accounts", "accounts", "accounts"])
        #expect(changes.map(\.key.text) == ["", "a", "b", "c"])
        #expect(describe(work).dropFirst() == ["update a 50 v2", "delete b", "update c 5 v2"])
    }

    @Test(arguments: [true, false])
    func whatDoesNotCommitIsUndone(wantsMore: Bool) {
        var work = loaded([Account("a", 1), Account("b", 2)], missing: ["c"])
        _ = work.scoped { work -> Verdict<Int> in
            work.put(Account("a", 10))
            work.append(Booking(1, 9))
            return .commit(1)
        }
        let before = (describe(work), work.appended.count)
        let verdict = work.scoped { work -> Verdict<Int> in
            work.put(Account("a", 11))
            work.put(Account("a", 12))
            work.remove(Account.key("a"))
            work.remove(Account.key("b"))
            work.put(Account("b", 7))
            work.put(Account("c", 3))
            work.insert(Account("new", 4))
            work.append(Booking(2, 2))
            work.append(Booking(3, 3))
            return wantsMore ? .more([]) : .discard(2)
        }
        if case .commit = verdict { Issue.record("it did not commit") }
        #expect((describe(work), work.appended.count) == before)
        #expect(work[Account.key("a")]?.balance == 10)
        #expect(work[Account.key("b")]?.balance == 2)
        #expect(work[Account.key("c")] == nil)
        #expect(!work.isLoaded(Account.key("new")), "nobody has looked whether it is there")
    }

    /// Random commands, each committed or not: the set ends as if those that did not commit had never been.
    @Test(arguments: [1, 2, 3, 0xD00D] as [UInt64])
    func discardedCommandsLeaveNoTrace(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let names = ["a", "b", "c", "d"]
        for round in 0..<100 {
            var work = loaded([Account("a", 1), Account("b", 1)], missing: ["c", "d"])
            var twin = work
            for number in 0..<Int64(12) {
                let steps = (0..<random.next(below: 5)).map { _ in
                    (names[Int(random.next(below: 4))], Int64(random.next(below: 100)), random.next(below: 4))
                }
                let apply = { @Sendable (work: inout WorkingSet) in
                    for (name, amount, kind) in steps {
                        switch kind {
                        case 0: work.remove(Account.key(name))
                        case 1: work.append(Booking(number, amount))
                        default: work.put(Account(name, amount))
                        }
                    }
                }
                let commits = random.next(below: 2) == 0
                _ = work.scoped { work -> Verdict<Void> in
                    apply(&work)
                    return commits ? .commit(()) : .discard(())
                }
                if commits { apply(&twin) }
            }
            #expect(describe(work) == describe(twin), "seed \(seed), round \(round)")
            #expect(work.appended.map(\.key) == twin.appended.map(\.key), "seed \(seed), round \(round)")
            for name in names {
                #expect(work[Account.key(name)] == twin[Account.key(name)], "seed \(seed), round \(round)")
            }
        }
    }

    @Test func selectionsKeepTheChangesOfEarlierCommands() {
        let rich = Selection<Account>("balance > $1 ORDER BY balance", [1])
        var work = loaded([Account("a", 5), Account("gone", 9)])
        work.put(Account("a", 50))
        work.remove(Account.key("gone"))
        #expect(!work.isLoaded(rich) && !work.has(.rows(rich)))
        work.absorb(
            .rows(rich), [Account("b", 4), Account("a", 5), Account("gone", 9)].map { RecordBox($0) })
        #expect(work.isLoaded(rich) && work.has(.rows(rich)))
        #expect(work[rich].map(\.name) == ["b", "a"], "in the selection's order")
        #expect(work[rich].map(\.balance) == [4, 50])
        work.put(Account("b", 44))
        #expect(work[rich].map(\.balance) == [44, 50])
        #expect(describe(work) == ["update a 50 v2", "update b 44 v2", "delete gone"])
        #expect(!work.isLoaded(Selection<Account>("balance > $1 ORDER BY balance", [2])))
    }

    @Test func secondLoadDoesNotOverwriteAChange() {
        var work = loaded([Account("a", 1)])
        work.put(Account("a", 2))
        work.absorb(.row(Account.key("a")), [RecordBox(Account("a", 1))])
        #expect(work[Account.key("a")]?.balance == 2)
    }

    private func describe(_ work: WorkingSet) -> [String] {
        work.changes.map { change in
            func text(_ record: AnyRecord) -> String {
                guard let account = (record as? RecordBox<Account>)?.record else { return record.key.table.name }
                return "\(account.name) \(account.balance) v\(record.version)"
            }
            return switch change {
            case .insert(let record): "insert \(text(record))"
            case .update(let record): "update \(text(record))"
            case .delete(let key): "delete \(key.text)"
            }
        }
    }
}
