import Determinism
import Storage
import Testing

@testable import Sagas

/// A saga's progress as the text of its row.
@Suite("SagaProgress as text")
struct SagaProgressTextTests {
    private static let outline = SagaOutline.sequence([
        ("a", .local, .compensatable, .local), ("é \"quoted\" \\ 🚆", .external, .compensatable, .external),
        ("c", .local, .pivot, nil),
    ])

    private func random(_ source: SeededRandom) -> SagaProgress {
        var progress = SagaProgress(Self.outline)
        progress.isBackward = source.next(below: 2) == 0
        for index in progress.entries.indices where source.next(below: 4) > 0 {
            let statuses = SagaProgress.Status.allCases
            progress.entries[index].status = statuses[Int(source.next(below: UInt64(statuses.count)))]
            progress.entries[index].attempts = Int(source.next(below: 1_000))
            progress.entries[index].place = Int(source.next(below: 4))
            let moments: [Timestamp?] = [
                nil, Timestamp(microseconds: 0), Timestamp(microseconds: -1), Timestamp(microseconds: .max),
                Timestamp(microseconds: Int64(source.next() >> 1)),
            ]
            progress.entries[index].since = moments[Int(source.next(below: 5))]
            progress.entries[index].notBefore = moments[Int(source.next(below: 5))]
            progress.entries[index].isCertain = source.next(below: 2) == 0
            progress.entries[index].isWithdrawn = source.next(below: 2) == 0
            progress.entries[index].isBlocked = source.next(below: 2) == 0
            progress.entries[index].isUnsent = source.next(below: 2) == 0
        }
        let names = ["order 7", "ö\n\t\"", "", "a/b"]
        progress.locks = names.filter { _ in source.next(below: 2) == 0 }
        return progress
    }

    @Test(arguments: 0..<300 as Range<UInt64>) func whatIsWrittenIsRead(seed: UInt64) throws {
        let progress = random(SeededRandom(seed: seed))
        let text = progress.stored(Self.outline)
        #expect(try SagaProgress(stored: text, Self.outline) == progress, "\(text)")
    }

    /// What was stored before it was known whether a call had ever left counts as sent.
    @Test func progressOfAnOlderVersionIsTakenForSent() throws {
        let name = Self.outline.steps[0].name
        let text = #"{"steps":[["\#(name)","intended",1,0,null,null,true,true,false]]}"#
        let entry = try SagaProgress(stored: text, Self.outline).entries[0]
        #expect(entry.isWithdrawn && !entry.isUnsent)
    }

    @Test func nothingDoneIsShort() throws {
        let text = SagaProgress(Self.outline).stored(Self.outline)
        #expect(text == #"{"steps":[]}"#)
        #expect(try SagaProgress(stored: text, Self.outline) == SagaProgress(Self.outline))
    }

    private func refusal(_ text: String) -> String? {
        do {
            _ = try SagaProgress(stored: text, Self.outline)
            return nil
        } catch .corrupt(let reason) { return reason } catch { return "another error: \(error)" }
    }

    @Test(arguments: [
        "", "x", "[]", "null", "{}", #"{"steps":{}}"#, #"{"steps":[]"#, #"{"back":true}"#, #"{"steps":[]}x"#,
    ])
    func whatIsNoProgressIsRefusedWithTheText(text: String) {
        #expect(refusal(text) == "“\(text)” is not a saga's progress")
    }

    @Test(arguments: [
        #"[]"#, #"["a"]"#, #"["a","done",0,1,null,null,true,false]"#, #"["a","done",0,1,null,null,true,false,0]"#,
        #"["a","done",0,1,null,null,true,false,false,0]"#,
        #"["a","finished",0,1,null,null,true,false,false]"#, #"[1,"done",0,1,null,null,true,false,false]"#,
        #"["a","done","0",1,null,null,true,false,false]"#, #"["a","done",0,1.5,null,null,true,false,false]"#,
        #"["a","done",0,1,null,null,"true",false,false]"#, #"{"a":"done"}"#,
    ])
    func whatIsNoStepIsRefusedWithItsText(step: String) {
        #expect(refusal(#"{"steps":[\#(step)]}"#) == "“\(step)” is not a step's progress")
    }

    @Test func stepOfAnotherVersionIsNamed() {
        #expect(
            refusal(#"{"steps":[["gone","done",0,1,null,null,true,false,false]]}"#)
                == "the saga “test” has no step “gone” in version 1")
    }

    /// Read as what it is not, a saga that has turned back would go forward again.
    @Test(arguments: [
        #"{"back":"yes","steps":[]}"#, #"{"back":1,"steps":[]}"#, #"{"locks":["a",7],"steps":[]}"#,
        #"{"locks":"a","steps":[]}"#, #"{"steps":[["a","done",0,1,"x",null,true,false,false]]}"#,
        #"{"steps":[["a","done",0,1,null,true,true,false,false]]}"#,
        #"{"steps":[["a","done",-1,1,null,null,true,false,false]]}"#,
        #"{"steps":[["a","done",0,1,null,null,true,false,false],["a","void",0,0,null,null,true,false,false]]}"#,
    ])
    func partOfTheWrongTypeIsRefused(text: String) {
        let reason = refusal(text)
        #expect(reason?.isEmpty == false && reason?.hasPrefix("another error") == false)
    }

    /// Each single character that is cut out, doubled or replaced: it is read as something valid, or refused in words.
    @Test func damageNeverTraps() {
        var progress = SagaProgress(Self.outline)
        (progress.isBackward, progress.locks) = (true, ["x"])
        progress.entries[0].status = .done
        progress.entries[1].since = Timestamp(microseconds: 17)
        let bytes = Array(progress.stored(Self.outline).unicodeScalars)
        var refused = 0
        for index in bytes.indices {
            for replacement in [[], [bytes[index], bytes[index]], ["0"], ["\""], ["}"], ["-"]] as [[Unicode.Scalar]] {
                var damaged = String.UnicodeScalarView()
                damaged.append(contentsOf: bytes[..<index] + replacement + bytes[(index + 1)...])
                if let reason = refusal(String(damaged)) {
                    refused += 1
                    #expect(!reason.isEmpty && !reason.hasPrefix("another error"))
                }
            }
        }
        #expect(refused > bytes.count)
    }
}
