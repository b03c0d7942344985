import Foundation

/// Ends the servers of a test process that died without ending them (a crash, SIGKILL), and removes their folders.
///
/// A shell that reads from a pipe whose other end this process holds: however this process ends, the pipe ends with
/// it. `PR_SET_PDEATHSIG` would not do: it fires when the *thread* that started the child ends, and threads of the
/// cooperative pool come and go; nor would it reach server processes that a test has stopped with SIGSTOP.
/// A server is known by its working folder, which lies in the process's own folder: no id can be somebody else's.
package final class OrphanReaper: Sendable {
    private let shell: ChildProcess
    private let pipeEnd: Int32

    private static let script = """
        trap '' HUP INT TERM QUIT PIPE
        while read -r line; do :; done
        if [ -d /proc/self ]; then
            for entry in /proc/[0-9]*; do
                case $(readlink "$entry/cwd" 2>/dev/null) in
                    "$1"/*) kill -KILL "${entry#/proc/}" 2>/dev/null ;;
                esac
            done
        else
            for file in "$1"/*/data/postmaster.pid; do
                [ -f "$file" ] && kill -KILL "$(head -n 1 "$file")" 2>/dev/null
            done
        fi
        [ "$2" = keep ] || rm -rf -- "$1"
        """

    /// Watches over `folder`.
    package init(folder: URL, keepsFiles: Bool) throws {
        // A child that inherited the end would keep the reaper waiting.
        guard let (reader, writer) = LoopbackSocket.pipe() else {
            throw SpawnError(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        pipeEnd = writer
        defer { close(reader) }
        shell = try ChildProcess(
            "/bin/sh", ["-c", Self.script, "orphan-reaper", folder.path, keepsFiles ? "keep" : "remove"],
            environment: ["PATH": "/usr/bin:/bin"], input: reader, output: "/dev/null", errors: "/dev/null")
    }

    /// Lets go of the pipe, as the end of this process would.
    package func letGo() { close(pipeEnd) }

    /// Waits until the work is done.
    package func ended() async throws { try await shell.ended() }
}
