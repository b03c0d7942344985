import CLibPQ
import Determinism
import Storage
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Makes a connection on a thread that may block: name, TCP, TLS and SCRAM, one host and address after the other.
///
/// libpq would try several hosts by itself, but it resolves names inside the call, and its `connect_timeout` does not
/// hold for the non-blocking calls: one host that swallows packets would take everybody's time. So it gets one address
/// at a time, and the time is kept here.
final class PostgresConnector: Sendable {
    private let configuration: PostgresConfiguration
    private let time: any TimeSource
    private let deadline: Instant
    private let isAbandoned = Atomic<Bool>(false)
    /// How long one wait lasts before the caller's cancellation is looked at.
    private static let slice: Duration = .milliseconds(50)

    struct Established: Sendable {
        let handle: LibPQHandle
        let candidate: PostgresCandidate
    }

    init(_ configuration: PostgresConfiguration, time: any TimeSource, deadline: Instant) {
        (self.configuration, self.time, self.deadline) = (configuration, time, deadline)
    }

    /// Nobody waits any more.
    func abandon() { isAbandoned.store(true, ordering: .relaxed) }

    /// Tries the hosts in order. Blocks.
    func run() -> Result<Established, PostgresError> {
        let passes: [PostgresConfiguration.SessionAttributes] =
            configuration.sessionAttributes == .preferStandby ? [.standby, .any] : [configuration.sessionAttributes]
        var failures: [PostgresError] = []
        for attributes in passes {
            for host in configuration.hosts {
                if isAbandoned.load(ordering: .relaxed) || time.instant() >= deadline { break }
                switch connect(to: host, attributes) {
                case .success(let established): return .success(established)
                case .failure(let error): failures.append(error)
                }
            }
        }
        return .failure(summary(failures))
    }

    private func connect(
        to host: PostgresConfiguration.Host, _ attributes: PostgresConfiguration.SessionAttributes
    ) -> Result<Established, PostgresError> {
        let hostDeadline = min(deadline, time.instant() + configuration.connectTimeout)
        let candidates: [PostgresCandidate]
        switch PostgresCandidate.resolve(host) {
        case .failure(let error): return .failure(error)
        case .success(let found): candidates = found
        }
        var failures: [PostgresError] = []
        for (index, candidate) in candidates.enumerated() {
            let now = time.instant()
            // Each address gets its share of what is left.
            let share = (hostDeadline - now) / (candidates.count - index)
            switch connect(to: candidate, attributes, until: now + share) {
            case .success(let established): return .success(established)
            case .failure(let error): failures.append(error)
            }
        }
        return .failure(summary(failures))
    }

    private func connect(
        to candidate: PostgresCandidate, _ attributes: PostgresConfiguration.SessionAttributes, until limit: Instant
    ) -> Result<Established, PostgresError> {
        let parameters = candidate.parameters(configuration, attributes)
        guard let pointer = start(parameters) else { return .failure(failure(candidate, "out of memory")) }
        let handle = LibPQHandle(pointer: pointer)
        if PQstatus(pointer) == CONNECTION_BAD {
            defer { PQfinish(pointer) }
            return .failure(failure(candidate, handle.message))
        }
        // The only way to the server's error code while connecting is its text.
        PQsetErrorVerbosity(pointer, PQERRORS_VERBOSE)
        PQsetNoticeReceiver(pointer, { _, _ in }, nil)
        var direction = PGRES_POLLING_WRITING
        while true {
            switch direction {
            case PGRES_POLLING_OK:
                PQsetErrorVerbosity(pointer, PQERRORS_DEFAULT)
                return .success(Established(handle: handle, candidate: candidate))
            case PGRES_POLLING_FAILED:
                defer { PQfinish(pointer) }
                return .failure(failure(candidate, String(cString: PQerrorMessage(pointer))))
            default:
                let rest = limit - time.instant()
                if rest <= .zero || isAbandoned.load(ordering: .relaxed) {
                    PQfinish(pointer)
                    return .failure(failure(candidate, "no answer within \(configuration.connectTimeout)"))
                }
                if wait(for: direction, on: PQsocket(pointer), atMost: min(rest, Self.slice)) {
                    direction = PQconnectPoll(pointer)
                }
            }
        }
    }

    private func start(_ parameters: [(String, String)]) -> OpaquePointer? {
        var keywords: [UnsafePointer<CChar>?] = []
        var values: [UnsafePointer<CChar>?] = []
        defer { for pointer in keywords + values { free(UnsafeMutablePointer(mutating: pointer)) } }
        for (keyword, value) in parameters {
            keywords.append(UnsafePointer(strdup(keyword)))
            values.append(UnsafePointer(strdup(value)))
        }
        keywords.append(nil)
        values.append(nil)
        return PQconnectStartParams(&keywords, &values, 0)
    }

    private func wait(for direction: PostgresPollingStatusType, on socket: Int32, atMost rest: Duration) -> Bool {
        let events = direction == PGRES_POLLING_READING ? POLLIN : POLLOUT
        var descriptor = pollfd(fd: socket, events: Int16(events), revents: 0)
        return poll(&descriptor, 1, Int32(clamping: rest.wholeMilliseconds)) > 0
    }

    private func failure(_ candidate: PostgresCandidate, _ text: String) -> PostgresError {
        let lines = text.split(whereSeparator: \.isNewline).filter { !$0.hasPrefix("LOCATION:") }
        let message = LibPQHandle.oneLine(lines.joined(separator: "\n"))
        return PostgresError(
            .connect, .unavailable("cannot connect to \(candidate): \(message)"), sqlState: Self.sqlState(in: message))
    }

    /// `FATAL:  28P01: password authentication failed …`, in whatever language the first word is.
    static func sqlState(in message: String) -> SQLState? {
        let bytes = Array(message.utf8)
        guard bytes.count >= 9 else { return nil }
        for start in 0...(bytes.count - 9) where bytes[start..<(start + 3)].elementsEqual(":  ".utf8) {
            let code = bytes[(start + 3)..<(start + 8)]
            let isCode = code.allSatisfy { (48...57).contains($0) || (65...90).contains($0) }
            if isCode, bytes[start + 8] == UInt8(ascii: ":") { return SQLState(String(decoding: code, as: UTF8.self)) }
        }
        return nil
    }

    private func summary(_ failures: [PostgresError]) -> PostgresError {
        if failures.count == 1 { return failures[0] }
        if failures.isEmpty {
            let isLate = time.instant() >= deadline
            return PostgresError(
                isLate ? .deadline : .cancelled, .unavailable("no connection to \(configuration) was made in time"))
        }
        let reasons = failures.map(\.storage.reason).joined(separator: "; ")
        return PostgresError(.connect, .unavailable(reasons), sqlState: failures.compactMap(\.sqlState).last)
    }
}
