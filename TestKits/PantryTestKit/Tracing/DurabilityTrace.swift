/// Shows from a trace of system calls that answers come after what they promise is durable.
///
/// A killed process cannot show that: what it wrote survives in the page cache, synced or not. So for each request this
/// looks at the calls between its arrival and the first bytes of its answer: the watched file must have been written,
/// and after the last write to it a sync must have begun and ended before the answer's bytes went out.
public struct DurabilityTrace: Sendable {
    /// What a trace shows.
    public struct Report: Sendable, Hashable {
        /// The requests that were found with their answers.
        public var answered: [String] = []
        /// A line for each answer that came too early.
        public var violations: [String] = []
        /// A report.
        public init() {}
    }

    /// The calls, in the order in which they began.
    public let calls: [SystemCall]

    /// A trace as `strace` wrote it.
    public init(_ trace: String) { calls = SystemCall.parse(trace) }

    /// Looks at the requests with these idempotency keys, each of which arrived once.
    /// - Parameters:
    ///   - answer: how the answer's bytes begin, such as `HTTP/1.1 201`.
    ///   - files: endings of the paths of the files that must be durable, such as `shard-0.db-wal`.
    public func report(keys: [String], answer: String, files: [String]) -> Report {
        var report = Report()
        for key in keys {
            guard let arrival = calls.firstIndex(where: { $0.isRead && $0.arguments.contains(key) }) else {
                report.violations.append("\(key): its request is not in the trace")
                continue
            }
            let request = calls[arrival]
            let sent = calls[arrival...].first { call in
                call.isWrite && call.descriptor == request.descriptor && call.file == request.file
                    && call.arguments.contains(answer)
            }
            guard let sent else {
                report.violations.append("\(key): its answer (\(answer)) is not in the trace")
                continue
            }
            report.answered.append(key)
            for file in files {
                if let violation = check(file, from: request, to: sent) {
                    report.violations.append("\(key): \(violation)")
                }
            }
        }
        return report
    }

    private func check(_ file: String, from request: SystemCall, to answer: SystemCall) -> String? {
        let between = calls.filter { call in
            call.began > request.began && call.began < answer.began && call.file?.hasSuffix(file) == true
        }
        guard let last = between.last(where: \.isWrite) else { return "\(file) was not written before the answer" }
        guard let written = last.ended, written < answer.began else {
            return "\(file) was still being written (line \(last.began + 1)) when the answer went out"
        }
        let synced = between.contains { call in
            guard call.isSync, call.result == 0, let ended = call.ended else { return false }
            return call.began > written && ended < answer.began
        }
        return synced
            ? nil
            : "\(file) was written (line \(last.began + 1)) and not synced before the answer (line \(answer.began + 1))"
    }
}
