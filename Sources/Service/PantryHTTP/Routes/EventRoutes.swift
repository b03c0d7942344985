import Determinism
import HTTPTypes
import PantryDomain
import Storage
import StrictJSON

/// The organization's events as they happen: as a stream (server-sent events) or by long polls.
struct EventRoutes {
    let services: PantryServices

    /// How often a client that hears nothing else hears that the server is still there. Proxies close what is quiet
    /// for 30 or 60 seconds.
    private static let heartbeat: Duration = .seconds(15)
    /// How often the credentials of who waits are looked at. What was revoked is known within 5 s, here as elsewhere,
    /// and is looked at before each event in any case.
    private static let recheck: Duration = .seconds(2)
    private static let pageOfStream = 100
    /// Before a client connects again.
    private static let retry = 2_000

    var all: [Route] {
        [Route(.get, "/v1/events", .organization(.read), answering: events).listening()]
    }

    private func events(_ call: Call) async throws -> Reply {
        let query = try QueryReader(call.query, known: ["after", "wait", "limit"])
        let wait = try EventQuery.wait(query)
        let limit = try PageLimit.read(query)
        let known = try EventQuery.position(call, query)
        let context = try await services.context(call)
        // Where the token's write was lost, events may have been as well: no position tells of that.
        if case .atLeast(let position) = try await services.consistency(call, query, context) {
            try await context.confirm(position)
        }
        let start: Int64
        if let known {
            start = known
        } else {
            // It takes a while where nobody has listened for long.
            guard let newest = try await call.untilStopped({ try await services.events.newest(in: context) }) else {
                throw Problem.notReady
            }
            start = newest
        }
        guard wait == nil || EventQuery.acceptsStream(call) else {
            return try await poll(call, after: start, limit, until: services.time.instant() + (wait ?? .zero))
        }
        return .stream("text/event-stream", headers: Self.streamHeaders) { writer in
            var stream = Stream(call: call, services: services, position: start)
            try await stream.run(writer)
        }
    }

    private static let streamHeaders: HTTPFields = {
        var headers: HTTPFields = [.cacheControl: "no-store"]
        // Without it nginx keeps events back until its buffer is full.
        headers[.accelBuffering] = "no"
        return headers
    }()

    // MARK: Polls

    private func poll(_ call: Call, after start: Int64, _ limit: Int, until deadline: Instant) async throws -> Reply {
        let began = services.time.instant()
        var start = start
        while true {
            let context = try await services.context(call)
            let page = try await services.events.page(after: start, limit: limit, in: context)
            guard page.events.isEmpty else {
                guard try await call.isStillAllowed() else { throw Self.revoked }
                return try answer(page, context)
            }
            start = page.start
            guard services.time.instant() < deadline else { return try answer(page, context) }
            let came = try await call.untilStopped { [start] in
                try await wait(call, after: start, until: deadline)
            }
            switch came {
            case true?: continue
            case false?: return try answer(page, context)
            // The server stops: the client asks another one. Where there is no other, not as fast as it can.
            case nil:
                let earliest = min(deadline, began + Self.leastPoll)
                let rest = earliest - services.time.instant()
                if rest > .zero { try await services.time.sleep(for: rest) }
                return try answer(page, context)
            }
        }
    }

    private static let revoked = Problem.unauthorized("These credentials were revoked while the request waited.")
    /// How long a poll takes at least that is answered because the server stops.
    private static let leastPoll: Duration = .seconds(1)

    /// - Returns: whether events came before the deadline.
    private func wait(_ call: Call, after position: Int64, until deadline: Instant) async throws -> Bool {
        while true {
            let now = services.time.instant()
            guard now < deadline else { return false }
            let context = try await services.context(call)
            let came = try await services.events.wait(
                after: position, until: min(deadline, now + Self.recheck), in: context)
            guard try await call.isStillAllowed() else { throw Self.revoked }
            if came { return true }
        }
    }

    private func answer(_ page: EventPage, _ context: TenantContext) throws -> Reply {
        let token = try services.tokens.token(context)
        var json = JSONWriter(capacity: 128 + 512 * page.events.count)
        json.object { json in
            json.member(
                "data",
                array: { list in
                    for event in page.events {
                        list.value(raw: String(decoding: event.document(token: token), as: UTF8.self))
                    }
                })
            json.member(
                "page",
                object: { json in
                    json.member("nextCursor", String(page.events.last?.position ?? page.start))
                    json.member("hasMore", page.hasMore)
                })
        }
        return .json(
            .ok, bytes: json.bytes,
            headers: [.servedBy: page.servedBy, .consistencyToken: token, .cacheControl: "no-store"])
    }

    // MARK: Streams

    private struct CredentialsEnded: Error {}

    /// One client's stream, behind its head.
    private struct Stream {
        let call: Call
        let services: PantryServices
        var position: Int64
        /// Whether there may be events behind the position.
        private var mayHaveMore = true
        private var lastWrite: Instant

        init(call: Call, services: PantryServices, position: Int64) {
            (self.call, self.services, self.position) = (call, services, position)
            lastWrite = services.time.instant()
        }

        /// Returns when the credentials are not good any more. Everything else that may pass is waited for: a browser
        /// that is refused when it connects again gives up.
        mutating func run(_ writer: StreamWriter) async throws {
            // A block without data is no event. It sets the id with which a client that is cut off before the first
            // event comes back, so that none is lost that came meanwhile.
            try await write("retry: \(EventRoutes.retry)\nid: \(position)\n\n", writer)
            while true {
                do {
                    guard try await call.isStillAllowed() else { return }
                    try await step(writer)
                } catch is CredentialsEnded {
                    return
                } catch let error where Self.passes(error) {
                    if isSilent { try await write(":\n\n", writer) }
                    try await services.time.sleep(for: EventRoutes.recheck)
                    mayHaveMore = true
                }
            }
        }

        /// Sends what there is, or waits a while for it.
        private mutating func step(_ writer: StreamWriter) async throws {
            let context = try await services.context(call)
            if mayHaveMore {
                let page = try await services.events.page(
                    after: position, limit: EventRoutes.pageOfStream, in: context)
                mayHaveMore = page.hasMore
                position = page.start
                if let last = page.events.last {
                    // Behind the read: nothing is told that came after the end of who asks.
                    guard try await call.isStillAllowed() else { throw CredentialsEnded() }
                    try await write(EventText.blocks(page.events, token: services.tokens.token(context)), writer)
                    position = last.position
                }
                if mayHaveMore { return }
            }
            if isSilent { try await write(":\n\n", writer) }
            let limit = min(services.time.instant() + EventRoutes.recheck, lastWrite + EventRoutes.heartbeat)
            mayHaveMore = try await services.events.wait(after: position, until: limit, in: context)
        }

        private var isSilent: Bool { services.time.instant() >= lastWrite + EventRoutes.heartbeat }

        private mutating func write(_ text: String, _ writer: StreamWriter) async throws {
            try await writer.write(text)
            lastWrite = services.time.instant()
        }

        private mutating func write(_ bytes: [UInt8], _ writer: StreamWriter) async throws {
            try await writer.write(bytes)
            lastWrite = services.time.instant()
        }

        private static func passes(_ error: any Error) -> Bool {
            switch error {
            case let refusal as Refusal: Problem(refusal).retryable
            case let problem as Problem: problem.retryable
            default: false
            }
        }
    }
}

/// Events as the HTML standard's `text/event-stream` writes them.
enum EventText {
    static func blocks(_ events: [FeedEvent], token: String) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(512 * events.count)
        for event in events {
            bytes += "id: \(event.position)\nevent: \(event.type)\ndata: ".utf8
            // One line: a line break in JSON is whitespace between two values, and none is written.
            bytes += event.document(token: token)
            bytes += "\n\n".utf8
        }
        return bytes
    }
}

/// Where a client wants to go on, and how.
enum EventQuery {
    private static let longestWait = 60

    /// `?wait=`; nil without one.
    static func wait(_ query: QueryReader) throws(Problem) -> Duration? {
        guard let text = query["wait"] else { return nil }
        guard text.utf8.count <= 2, let seconds = number(text), seconds <= longestWait else {
            throw .malformedRequest("wait must be a whole number of seconds from 0 to \(longestWait).")
        }
        return .seconds(seconds)
    }

    /// Behind which position the client wants to go on; nil for the events from now on.
    static func position(_ call: Call, _ query: QueryReader) throws(Problem) -> Int64? {
        let after = try query["after"].map { text throws(Problem) in try position(text, "after") }
        let ids = call.headers[values: .lastEventID]
        guard let id = ids.first else { return after }
        guard ids.count == 1 else { throw .malformedRequest("Last-Event-ID occurs twice.") }
        return try position(id, "Last-Event-ID")
    }

    private static func position(_ text: String, _ name: String) throws(Problem) -> Int64 {
        if text.utf8.count <= 18, let position = number(text) { return position }
        throw .malformedRequest(
            "\(name) must be an event's position (its id in a stream, or a poll's nextCursor), or 0 for the start.")
    }

    private static func number(_ text: String) -> Int64? {
        text.utf8.allSatisfy({ (48...57).contains($0) }) ? Int64(text) : nil
    }

    /// Whether the client takes a stream, by name. One that takes anything gets one unless it says how long to wait.
    static func acceptsStream(_ call: Call) -> Bool {
        call.headers[values: .accept].contains { value in
            value.split(separator: ",").contains { kind in
                kind.prefix { $0 != ";" }.trimmed.lowercased() == "text/event-stream"
            }
        }
    }
}

extension HTTPField.Name {
    static let lastEventID = HTTPField.Name("Last-Event-ID")!
    static let accelBuffering = HTTPField.Name("X-Accel-Buffering")!
}
