import Determinism
import Storage
import Testing

@testable import Sagas

/// A call and its compensation at a participant, in every order and repetition.
@Suite("ParticipantFence")
struct ParticipantFenceTests {
    private enum Call: String, Hashable { case forward, compensate }

    /// A participant that keeps a tally behind its fence: what was carried out, in one commit with the fence's row.
    private struct Participant {
        let fence = ParticipantFence(organization: 1, forwardKey: "saga_1/pay")
        var rows = Rows()
        var (forwards, undos) = (0, 0)
        var tally: Int { forwards - undos }

        mutating func take(_ call: Call, epoch: Int64, at moment: Int64 = 1) -> ParticipantFence.Admission? {
            let command = Command(fence: fence, call: call, epoch: epoch)
            let admission = rows.run(command, at: Timestamp(microseconds: moment))
            if admission == .proceed {
                switch call {
                case .forward: forwards += 1
                case .compensate: undos += 1
                }
            }
            return admission
        }

        var row: FenceEntryRecord? { rows[FenceEntryRecord.key(1, "saga_1/pay")] }
    }

    private struct Command: LaneCommand {
        let fence: ParticipantFence
        let call: Call
        let epoch: Int64
        func needs(_ loaded: WorkingSet) -> [Need] { [fence.need] }
        func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<ParticipantFence.Admission> {
            .commit(
                call == .forward
                    ? fence.admitForward(epoch: epoch, in: &work, at: now)
                    : fence.admitCompensation(epoch: epoch, in: &work, at: now))
        }
    }

    /// All sequences of calls with epochs, up to a length.
    private static func sequences(_ length: Int) -> [[(call: Call, epoch: Int64)]] {
        if length == 0 { return [[]] }
        let shorter = sequences(length - 1)
        let longest = shorter.filter { $0.count == length - 1 }
        let calls: [(Call, Int64)] = [(.forward, 1), (.forward, 2), (.compensate, 1), (.compensate, 2)]
        return shorter + longest.flatMap { start in calls.map { start + [(call: $0.0, epoch: $0.1)] } }
    }

    @Test func everyOrderAndRepetitionEndsAlike() {
        let sequences = Self.sequences(5)
        #expect(sequences.count == 1 + 4 + 16 + 64 + 256 + 1_024)
        for sequence in sequences {
            var participant = Participant()
            var (highest, hasCompensated): (Int64, Bool) = (0, false)
            let what = sequence.map { "\($0.call.rawValue)@\($0.epoch)" }.joined(separator: " ")
            for (call, epoch) in sequence {
                let before = (participant.forwards, participant.undos, participant.row)
                let admission = participant.take(call, epoch: epoch)
                if epoch < highest {
                    #expect(admission == .overtaken, "\(what)")
                    #expect(participant.row == before.2, "\(what): an overtaken worker changes nothing")
                } else {
                    #expect(admission != .overtaken, "\(what)")
                    if call == .forward {
                        let expected: ParticipantFence.Admission =
                            hasCompensated ? .late : before.0 == 0 ? .proceed : .repeated
                        #expect(admission == expected, "\(what)")
                    } else {
                        let expected: ParticipantFence.Admission =
                            before.0 == 0 ? .nothingToUndo : before.1 == 0 ? .proceed : .repeated
                        #expect(admission == expected, "\(what)")
                        hasCompensated = true
                    }
                    highest = epoch
                    #expect(participant.row?.epoch == epoch, "\(what): the highest epoch is remembered")
                }
            }
            #expect(participant.forwards <= 1 && participant.undos <= participant.forwards, "\(what)")
            if hasCompensated { #expect(participant.tally == 0, "\(what): nothing stands after a compensation") }
        }
    }

    /// Seata's empty rollback (#7840): the compensation of a call that never came.
    @Test func emptyRollback() {
        var participant = Participant()
        #expect(participant.take(.compensate, epoch: 1) == .nothingToUndo)
        #expect(participant.row?.state == .tombstone && participant.tally == 0)
        #expect(participant.take(.compensate, epoch: 1) == .nothingToUndo, "asked again it is the same")
    }

    /// Seata's hanging (#6374): the call comes after its compensation, when nobody would undo it any more.
    @Test func hanging() {
        var participant = Participant()
        _ = participant.take(.compensate, epoch: 1)
        #expect(participant.take(.forward, epoch: 1) == .late)
        #expect(participant.take(.forward, epoch: 2) == .late, "a later worker's call is no better")
        #expect(participant.tally == 0 && participant.row?.state == .tombstone)
    }

    @Test func forkedWorkersOfDifferentEpochs() {
        var participant = Participant()
        #expect(participant.take(.forward, epoch: 2) == .proceed)
        #expect(participant.take(.forward, epoch: 1) == .overtaken)
        #expect(participant.take(.compensate, epoch: 1) == .overtaken, "nor may it undo what the other has done")
        #expect(participant.take(.compensate, epoch: 3) == .proceed && participant.tally == 0)
    }

    @Test func repetitionThatChangesNothingWritesNothing() {
        var participant = Participant()
        _ = participant.take(.forward, epoch: 1, at: 10)
        _ = participant.take(.forward, epoch: 1, at: 20)
        #expect(participant.row?.at == Timestamp(microseconds: 10))
        _ = participant.take(.forward, epoch: 2, at: 30)
        #expect(participant.row?.at == Timestamp(microseconds: 30) && participant.row?.state == .done)
    }

    @Test func callsOfOtherKeysAndOrganizationsAreOthers() {
        var (rows, forwards) = (Rows(), 0)
        for (organization, key) in [(1, "a"), (1, "b"), (2, "a")] as [(Int64, String)] {
            let fence = ParticipantFence(organization: organization, forwardKey: key)
            let command = Command(fence: fence, call: .forward, epoch: 1)
            if rows.run(command, at: Timestamp(microseconds: 1)) == .proceed { forwards += 1 }
        }
        #expect(forwards == 3)
    }

    @Test(arguments: FenceEntryRecord.State.allCases) func rowIsReadAsItWasWritten(state: FenceEntryRecord.State) throws
    {
        let row = FenceEntryRecord(
            organization: 7, text: "saga_1/pay", state: state, epoch: 9, at: Timestamp(microseconds: 11))
        #expect(try Columns.roundTrip(row) == row)
    }
}
