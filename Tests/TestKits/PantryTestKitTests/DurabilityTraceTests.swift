import PantryTestKit
import Testing

@Suite("Durability trace")
struct DurabilityTraceTests {
    private let files = ["shard-0.db-wal"]

    /// One order: the request, a frame written, a sync, the answer. `%` takes the lines between frame and answer.
    private func trace(_ between: String) -> String {
        #"""
        10 read(31<socket:[77]>, "POST /v1/orders HTTP/1.1\r\nidempotency-key: order-0001\r\n", 2048) = 310
        11 pwrite64(12</d/shard-0.db-wal>, "\0\1order-0001", 4096, 56) = 4096
        %
        10 writev(31<socket:[77]>, [{iov_base="HTTP/1.1 201 Created\r\n", iov_len=22}], 1) = 22
        11 +++ exited with 0 +++
        """#.replacing("%", with: between)
    }

    private func violations(_ between: String) -> [String] {
        let report = DurabilityTrace(trace(between)).report(keys: ["order-0001"], answer: "HTTP/1.1 201", files: files)
        #expect(report.answered == ["order-0001"])
        return report.violations
    }

    @Test func aSyncBetweenWriteAndAnswerIsSeen() {
        #expect(violations("11 fdatasync(12</d/shard-0.db-wal>) = 0") == [])
        #expect(violations("11 fsync(12</d/shard-0.db-wal>) = 0") == [])
    }

    @Test(arguments: [
        "11 futex(0x1, FUTEX_WAKE) = 1", "11 fdatasync(13</d/control.db-wal>) = 0",
        "11 fdatasync(12</d/shard-0.db-wal>) = -1 EIO (Input/output error)",
    ])
    func aMissingSyncIsFound(between: String) {
        #expect(
            violations(between) == [
                "order-0001: shard-0.db-wal was written (line 2) and not synced before the answer (line 4)"
            ])
    }

    @Test func aWriteAfterTheSyncIsFound() {
        let between = """
            11 fdatasync(12</d/shard-0.db-wal>) = 0
            11 pwrite64(12</d/shard-0.db-wal>, "x", 1, 4152) = 1
            """
        #expect(
            violations(between) == [
                "order-0001: shard-0.db-wal was written (line 4) and not synced before the answer (line 5)"
            ])
    }

    @Test func aSyncThatEndsAfterTheAnswerIsTooLate() {
        let text = trace("11 fdatasync(12</d/shard-0.db-wal> <unfinished ...>")
            .replacing("11 +++", with: "11 <... fdatasync resumed>) = 0\n11 +++")
        let report = DurabilityTrace(text).report(keys: ["order-0001"], answer: "HTTP/1.1 201", files: files)
        #expect(report.violations.count == 1)
    }

    @Test func aSyncThatOtherThreadsInterruptIsSeen() {
        let between = """
            11 fdatasync(12</d/shard-0.db-wal> <unfinished ...>
            10 read(31<socket:[77]> <unfinished ...>
            11 <... fdatasync resumed>) = 0
            10 <... read resumed>"x", 2048) = 1
            """
        #expect(violations(between) == [])
    }

    @Test func aSyncThatBeganBeforeTheWriteEndedDoesNotCount() {
        let text = """
            10 read(31<socket:[77]>, "order-0001", 2048) = 310
            11 pwrite64(12</d/shard-0.db-wal>, "frame", 4096, 56 <unfinished ...>
            12 fdatasync(12</d/shard-0.db-wal>) = 0
            11 <... pwrite64 resumed>) = 4096
            10 write(31<socket:[77]>, "HTTP/1.1 201 Created", 20) = 20
            """
        let report = DurabilityTrace(text).report(keys: ["order-0001"], answer: "HTTP/1.1 201", files: files)
        #expect(
            report.violations == [
                "order-0001: shard-0.db-wal was written (line 2) and not synced before the answer (line 5)"
            ])
    }

    @Test func whatIsNotInTheTraceIsSaid() {
        let trace = DurabilityTrace(trace("11 fdatasync(12</d/shard-0.db-wal>) = 0"))
        #expect(
            trace.report(keys: ["order-0002"], answer: "HTTP/1.1 201", files: files).violations == [
                "order-0002: its request is not in the trace"
            ])
        #expect(
            trace.report(keys: ["order-0001"], answer: "HTTP/1.1 202", files: files).violations == [
                "order-0001: its answer (HTTP/1.1 202) is not in the trace"
            ])
        #expect(
            trace.report(keys: ["order-0001"], answer: "HTTP/1.1 201", files: ["provider.db-wal"]).violations == [
                "order-0001: provider.db-wal was not written before the answer"
            ])
    }

    @Test func theAnswerMustLeaveOnTheRequestsConnection() {
        let text = trace(
            "10 write(32<socket:[78]>, \"HTTP/1.1 201 Created\", 20) = 20\n11 fdatasync(12</d/shard-0.db-wal>) = 0")
        #expect(
            DurabilityTrace(text).report(keys: ["order-0001"], answer: "HTTP/1.1 201", files: files).violations == [])
    }

    @Test func callsAreReadWithTheirParts() throws {
        let calls = SystemCall.parse(
            """
            7 pwrite64(12</d/a b.db-wal>, "a = b) <unfinished", 18, 32) = 18
            7 --- SIGCHLD {si_signo=SIGCHLD} ---
            8 fsync(3</d> <unfinished ...>
            """)
        let write = try #require(calls.first)
        #expect(calls.count == 2)
        #expect(
            write.thread == 7 && write.name == "pwrite64" && write.descriptor == 12 && write.file == "/d/a b.db-wal")
        #expect(write.result == 18 && write.began == 0 && write.ended == 0 && write.isWrite)
        #expect(calls[1].isSync && calls[1].ended == nil && calls[1].file == "/d")
    }
}
