import Foundation
import PantryTestKit
import StrictJSON
import Testing

@Suite("Child processes and waiting")
struct ProcessPartsTests {
    private func shell(_ script: String) throws -> ChildProcess {
        try ChildProcess("/bin/sh", ["-c", script], environment: [:], output: "/dev/null", errors: "/dev/null")
    }

    @Test func howAProcessEndsIsKnown() async throws {
        #expect(try await shell("exit 7").ended() == .status(7))
        #expect(try await shell("kill -KILL $$").ended() == .signal(SIGKILL))
        let stubborn = try shell("while :; do read x < /dev/tty; done 2>/dev/null")
        #expect(stubborn.poll() == nil)
        // A worker thread blocks SIGTERM; a child must not inherit that.
        stubborn.send(SIGTERM)
        #expect(try await stubborn.ended() == .signal(SIGTERM))
    }

    @Test func aForgottenProcessIsKilled() async throws {
        var child: ChildProcess? = try shell("exec sleep 600")
        let pid = try #require(child?.pid)
        #expect(kill(pid, 0) == 0)
        child = nil
        #expect(kill(pid, 0) == -1 && errno == ESRCH)
    }

    /// A program that somebody else had begun waited for the end of its input, which was a copy of in here.
    @Test func aChildHoldsNobodyElsesPipeOpen() async throws {
        var ends: [Int32] = [-1, -1]
        try #require(pipe(&ends) == 0)
        defer { close(ends[0]) }
        let child = try shell("exec sleep 600")
        close(ends[1])
        var reader = pollfd(fd: ends[0], events: Int16(POLLIN), revents: 0)
        try await Poll.untilTrue("the pipe's end", within: .seconds(10)) {
            poll(&reader, 1, 0) == 1 && Int32(reader.revents) & Int32(POLLHUP) != 0
        }
        #expect(child.poll() == nil)
    }

    /// As in a run whose process was killed: nobody is left to end what it has started.
    @Test(.enabled(if: FileManager.default.fileExists(atPath: "/proc/self/cwd"), "processes are found in /proc"))
    func whatWorksInARunFolderEndsWithIt() async throws {
        let run = try RunFolder()
        let command = run.command(["sleep", "600"])
        let child = try ChildProcess(
            command[0], Array(command.dropFirst()), environment: ["PATH": "/usr/bin:/bin"], output: "/dev/null",
            errors: "/dev/null")
        let elsewhere = try shell("exec sleep 600")
        try await Poll.untilTrue("the child to be in its folder") {
            (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(child.pid)/cwd")) == run.place.path
        }
        child.send(SIGSTOP)
        try await run.letGo()
        #expect(try await child.ended() == .signal(SIGKILL))
        #expect(elsewhere.poll() == nil, "it works somewhere else")
        #expect(!FileManager.default.fileExists(atPath: run.place.path))
    }

    @Test func programsLeaveTheirOutput() async throws {
        let result = try await Program.run("/bin/sh", ["-c", "echo out; echo err >&2; exit 3"])
        #expect(result.exit == .status(3) && result.text == "out\n" && result.errors == "err\n")
        await #expect(throws: SpawnError.self) { try await Program.run("/no/such/program", []) }
        await #expect(throws: PollTimeout.self) {
            try await Program.run("/bin/sh", ["-c", "exec sleep 600"], within: .milliseconds(20))
        }
    }

    @Test func theEnvironmentIsScrubbed() {
        #expect(!Program.scrubbedEnvironment().keys.contains { $0.hasPrefix("PANTRY_") })
        #expect(Program.scrubbedEnvironment(["PANTRY_FAULT_POINT": "3"])["PANTRY_FAULT_POINT"] == "3")
    }

    @Test func pollingEndsAtItsDeadline() async throws {
        var questions = 0
        await #expect(throws: PollTimeout.self) {
            try await Poll.untilTrue("never", within: .milliseconds(300)) {
                questions += 1
                return false
            }
        }
        #expect(questions > 1)
        let quiet = try await Poll.untilQuiet("silence", for: .milliseconds(30)) {
            questions += questions < 5 ? 1 : 0
            return questions
        }
        #expect(quiet == questions)
    }

    @Test func nobodyListeningIsAnOutcome() async {
        let outcome = await PantryClient(port: 1).get("/readyz")
        #expect(outcome.answer == nil && outcome.description.hasPrefix("no answer: "))
    }

    @Test func settingsAreWrittenAsYAML() {
        var settings = InstallationSettings()
        settings["payments", "timeout"] = "500ms"
        settings["server", "drain"] = "1s"
        #expect(
            settings.yaml() == """
                limits: { plans: { anonymous: {} } }
                payments: { timeout: 500ms }
                server: { drain: 1s, host: 127.0.0.1, port: 0, shutdownTimeout: 10s }

                """)
    }

    @Test func faultLogsAreRead() {
        let point = PassedPoint("3 before shard-0")
        #expect(point?.number == 3 && point?.side == "before" && point?.database == "shard-0")
        #expect(PassedPoint("3 beside shard-0") == nil && PassedPoint("") == nil)
        #expect(FaultPoint.sinceReady(3).description == "3" && FaultPoint.sinceStart(2).description == "start:2")
        #expect(PassedPoint.read("/no/such/file") == [])
    }

    @Test func concurrentMapKeepsTheOrder() async {
        let squares = await (0..<50).concurrentMap(limit: 7) { $0 * $0 }
        #expect(squares == (0..<50).map { $0 * $0 })
    }
}
