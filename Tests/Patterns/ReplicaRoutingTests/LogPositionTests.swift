import ReplicaRouting
import Testing

@Suite("Log positions and timelines")
struct LogPositionTests {
    @Test(arguments: [
        ("0/0", 0), ("0/1", 1), ("16/B374D848", 0x16_B374_D848), ("FFFFFFFF/FFFFFFFF", UInt64.max), ("1/0", 1 << 32),
    ])
    func textsAreReadAndWritten(text: String, bytes: UInt64) {
        #expect(LSN(text)?.bytes == bytes)
        #expect(LSN(bytes: bytes).description == text)
        #expect(LSN(text.lowercased())?.bytes == bytes)
    }

    @Test(arguments: [
        "", "/", "0", "0/", "/0", "0/0/0", "0/123456789", "123456789/0", "G/0", "0/ 1", "-1/0", "0x1/0", "1/０",
    ])
    func otherTextsAreNone(text: String) { #expect(LSN(text) == nil) }

    @Test func leadingZerosAreReadAndNotWritten() { #expect(LSN("00/0003000")?.description == "0/3000") }

    @Test func distancesNeverUnderflow() {
        #expect(LSN(bytes: 10).bytesSince(LSN(bytes: 4)) == 6)
        #expect(LSN(bytes: 4).bytesSince(LSN(bytes: 10)) == 0)
    }

    /// `pg_current_wal_insert_lsn()` right after a log switch, and at any other page's beginning.
    @Test func pageHeadersAreTakenOff() {
        #expect(LSN("0/3000028")?.withoutPageHeader() == LSN("0/3000000"))
        #expect(LSN("0/3002018")?.withoutPageHeader() == LSN("0/3002000"))
        #expect(LSN("0/3002028")?.withoutPageHeader() == LSN("0/3002028"))
        #expect(LSN("0/3000060")?.withoutPageHeader() == LSN("0/3000060"))
        #expect(LSN("0/3000000")?.withoutPageHeader() == LSN("0/3000000"))
        #expect(LSN("0/100028")?.withoutPageHeader(segmentBytes: 1 << 20) == LSN("0/100000"))
        #expect(LSN("0/100028")?.withoutPageHeader() == LSN("0/100028"))
        #expect(LSN.zero.withoutPageHeader(segmentBytes: 0) == .zero)
    }

    @Test func aSegmentsNameTellsItsTimeline() {
        #expect(Timeline(walFileName: "0000000200000000000000A3") == Timeline(2))
        #expect(Timeline(walFileName: "0000001F00000000000000A3") == Timeline(31))
        for other in ["", "00000002", "0000000200000000000000A", "0000000G00000000000000A3", "00000002.history"] {
            #expect(Timeline(walFileName: other) == nil)
        }
    }

    @Test func historiesAreRead() throws {
        let text = "1\t0/4019090\tno recovery target specified\n\n# by hand\n2\t0/5000000\tbefore 2026-01-01\n"
        let history = try #require(TimelineHistory(of: Timeline(4), parsing: text))
        #expect(
            history.ancestors == [
                .init(.first, end: LSN(bytes: 0x401_9090)), .init(Timeline(2), end: LSN(bytes: 0x500_0000)),
            ])
        for wrong in ["1", "x\t0/0\t", "1\tzero\t", "2\t0/1\t\n1\t0/2\t", "4\t0/1\t", "1\t0/1\t\n1\t0/2\t"] {
            #expect(TimelineHistory(of: Timeline(4), parsing: wrong) == nil, "\(wrong)")
        }
        #expect(TimelineHistory(of: .first, parsing: "") == TimelineHistory(of: .first))
    }

    @Test func aHistoryTellsWhatIsLost() {
        let history = TimelineHistory(
            of: Timeline(4),
            ancestors: [.init(.first, end: LSN(bytes: 100)), .init(Timeline(2), end: LSN(bytes: 200))])
        func verdict(_ timeline: UInt32, _ lsn: UInt64) -> TimelineHistory.Verdict {
            history.verdict(on: LogPosition(Timeline(timeline), LSN(bytes: lsn)))
        }
        #expect(verdict(1, 100) == .contained)
        #expect(verdict(1, 101) == .lost(switchPoint: LSN(bytes: 100)))
        #expect(verdict(2, 200) == .contained)
        #expect(verdict(2, 201) == .lost(switchPoint: LSN(bytes: 200)))
        #expect(verdict(3, 1) == .lost(switchPoint: .zero))
        #expect(verdict(4, .max) == .contained)
        #expect(verdict(5, 0) == .newer)
    }

    /// A replica that is promoted while it is still behind its own timeline's beginning.
    @Test func theLowestOfTheLaterEndsCounts() {
        let history = TimelineHistory(
            of: Timeline(4),
            ancestors: [
                .init(.first, end: LSN(bytes: 100)), .init(Timeline(2), end: LSN(bytes: 300)),
                .init(Timeline(3), end: LSN(bytes: 150)),
            ])
        #expect(history.end(of: Timeline(2)) == LSN(bytes: 150))
        #expect(history.end(of: .first) == LSN(bytes: 100))
        #expect(
            history.verdict(on: LogPosition(Timeline(2), LSN(bytes: 200))) == .lost(switchPoint: LSN(bytes: 150)))
    }

    @Test func setsOfHosts() {
        var set = HostSet()
        for number in [63, 0, 7, 64, -1] { set.insert(HostIndex(number)) }
        #expect(set.count == 3)
        #expect((0..<4).map { set.member(at: $0)?.number } == [0, 7, 63, nil])
        #expect(set.member(at: -1) == nil)
        #expect(!set.contains(HostIndex(64)) && set.contains(HostIndex(63)) && !set.contains(HostIndex(-1)))
        set.remove(HostIndex(7))
        #expect(set.subtracting(HostSet(HostIndex(0))) == HostSet(HostIndex(63)))
        #expect(set.intersection(HostSet(HostIndex(0))) == HostSet(HostIndex(0)))
        #expect(HostSet.empty.isEmpty)
    }
}
