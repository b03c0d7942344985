import HTTPTypes
import Logging

/// Takes a request through its checks to its handler, and turns whatever comes out into a reply.
///
/// The order: request id, route (404, 405), readiness (503), credentials (401), whether there is room (503), rate
/// limits (429), access (403), media type (415), body (413, 408), room (503), handler. What costs most comes last, and
/// nobody learns more than their credentials allow.
///
/// A place is taken last, so that neither a slow body nor the decision about a limit holds one. Whether there is one is
/// asked before as well: what is shed is then not charged. Nothing is given back where the room has filled up in
/// between: the window that was charged may have ended, and its charge would be taken off the next.
struct Responder: Sendable {
    /// A reply and what the access log says about its request.
    struct Outcome {
        var reply: Reply
        var requestID: String
        var receivedAt: ContinuousClock.Instant
        /// Not the path: it may hold what no log should.
        var pattern: String?
        var organization: String?
        var traceparent: String?
        /// The route's place in the table.
        var entry: Int?
        var span: (any RequestSpan)?
        var isAnswered = false
        /// Who waits for the answer, on a route whose clients may; until it has ended.
        var seat: Seat?
        /// What is still to be sent behind the head.
        var stream: Stream?
        /// How a stream came to its end.
        var ending: StreamEnding?
        /// What the answer says about the limits that the request was charged to.
        var limitFields = HTTPFields()
    }

    /// A listener, and whose place it has.
    struct Seat {
        var listener: Listener
        var owner: String
    }

    /// The body of an answer that is made while it is sent.
    struct Stream: Sendable {
        var listener: Listener
        var produce: @Sendable (StreamWriter) async throws -> Void
    }

    enum StreamEnding: String {
        case complete, clientGone, stopping, failed
    }

    let routes: RouteTable
    let authenticator: any Authenticator
    let configuration: HTTPServerConfiguration
    let state: ServerState
    let ports: ServerPorts
    let logger: Logger
    var limits: RequestLimits?
    var room: InFlightLimit?
    var metrics: HTTPMetrics?
    var tracer: (any RequestTracer)?

    /// Answers one request. Of an answer that is a stream, only the head is there then, and ``end(_:_:)`` is the
    /// caller's to call.
    ///
    /// - Throws: only when nobody can be answered any more.
    func respond(to head: RequestHead, from peer: Peer, reading input: inout InputReader) async throws -> Outcome {
        var outcome = begin(head)
        defer { if outcome.stream == nil { end(outcome, head) } }
        do {
            let reply = try await serve(head, from: peer, reading: &input, &outcome)
            if case .stream(let produce) = reply.body, head.method != .head {
                outcome.stream = try stream(produce, outcome)
            }
            outcome.reply = reply
        } catch let problem as Problem {
            outcome.reply = .problem(problem, requestID: outcome.requestID)
        } catch let fault as InputFault {
            guard let problem = configuration.problem(for: fault) else { throw fault }
            outcome.reply = .problem(problem, requestID: outcome.requestID)
        } catch is CancellationError where Task.isCancelled {
            throw InputFault.gone
        } catch {
            outcome.reply = .problem(unexpected(error, outcome), requestID: outcome.requestID)
        }
        outcome.isAnswered = true
        if !outcome.limitFields.isEmpty { outcome.reply.headers.append(contentsOf: outcome.limitFields) }
        return outcome
    }

    /// Answers what could not even be read as a request.
    func refuse(_ problem: Problem) -> Outcome {
        let id = ports.newRequestID()
        metrics?.refused(entry: nil, method: nil, status: problem.status.code, after: .zero)
        return Outcome(
            reply: .problem(problem, requestID: id), requestID: id, receivedAt: ports.now(), pattern: nil,
            organization: nil, traceparent: nil)
    }

    /// The access log's line.
    func log(_ outcome: Outcome, method: HTTPRequest.Method?) {
        guard logger.logLevel <= .info else { return }
        let micros = (ports.now() - outcome.receivedAt) / .microseconds(1)
        var metadata: Logger.Metadata = [
            "method": .string(method?.rawValue ?? "-"), "route": .string(outcome.pattern ?? "-"),
            "status": .stringConvertible(outcome.reply.status.code), "micros": .stringConvertible(Int(micros)),
            "requestId": .string(outcome.requestID),
        ]
        if let ending = outcome.ending { metadata["ending"] = .string(ending.rawValue) }
        if let organization = outcome.organization { metadata["organization"] = .string(organization) }
        if let traceparent = outcome.traceparent {
            metadata["traceparent"] = .string(traceparent)
            metadata["traceId"] = .string(String(traceparent.dropFirst(3).prefix(32)))
        }
        logger.info("request", metadata: metadata)
    }

    // MARK: The way of a request

    private func begin(_ head: RequestHead) -> Outcome {
        let id = head.requestID.flatMap { HeaderRules.isRequestID($0) ? $0 : nil } ?? ports.newRequestID()
        metrics?.requestBegan()
        var outcome = Outcome(
            reply: Reply(status: .internalServerError), requestID: id, receivedAt: ports.now(), pattern: nil,
            organization: nil, traceparent: nil)
        if let tracer {
            let span = tracer.begin(
                head.method.rawValue, traceparent: head.traceparent, tracestate: head.joined("tracestate"))
            (outcome.span, outcome.traceparent) = (span, span.traceparent)
        } else {
            outcome.traceparent = head.traceparent.flatMap { HeaderRules.isTraceparent($0) ? $0 : nil }
        }
        return outcome
    }

    /// What is measured of a request that is answered, or whose client has gone. A listener's place is free again.
    func end(_ outcome: Outcome, _ head: RequestHead) {
        let status = outcome.isAnswered ? outcome.reply.status.code : 499
        metrics?.requestEnded(
            entry: outcome.entry, method: head.method, status: status, after: ports.now() - outcome.receivedAt)
        outcome.span?.end(
            RequestEnding(
                method: head.method.rawValue, isHTTP10: head.isHTTP10, status: status, pattern: outcome.pattern,
                organization: outcome.organization))
        guard let seat = outcome.seat else { return }
        state.leave(seat.listener)
        room?.leaveListener(of: seat.owner)
    }

    /// A stream ended before its producer was done.
    func logFailure(_ error: any Error, of outcome: Outcome) {
        _ = unexpected(error, outcome)
    }

    private func serve(
        _ head: RequestHead, from peer: Peer, reading input: inout InputReader, _ outcome: inout Outcome
    ) async throws -> Reply {
        let target = try target(of: head)
        let address = peer.clientAddress(forwardedFor: head.forwardedFor)
        let index: Int
        let values: [String]
        switch routes.find(head.method, target.path) {
        case .found(let found, let decoded): (index, values) = (found, decoded)
        case .options(let allow): return Reply(status: .noContent, headers: [.allow: allow])
        case .notAllowed(let allow):
            outcome.limitFields = try await limits?.charge(anonymous: address) ?? HTTPFields()
            throw Problem.methodNotAllowed(allow)
        case .malformed: throw Problem.malformedRequest("The path is not valid percent-encoded UTF-8.")
        case .unknown:
            // `OPTIONS *` asks about the server as a whole.
            if target.path == "*", head.method == .options { return Reply(status: .noContent) }
            outcome.limitFields = try await limits?.charge(anonymous: address) ?? HTTPFields()
            throw Problem.notFound("There is nothing at this path.")
        }
        let entry = routes.entries[index]
        (outcome.pattern, outcome.entry) = (entry.route.pattern, index)
        if entry.waitsForReadiness, !state.isReady { throw Problem.notReady }
        let principal = try await admit(head, to: entry.route, from: address, &outcome)
        let query = try query(target)
        let body = try await body(of: head, for: entry, reading: &input)
        var parameters: [String: String] = [:]
        for (name, value) in zip(entry.parameterNames, values) { parameters[name] = value }
        let call = Call(
            method: head.method, path: String(target.path), pattern: entry.route.pattern, parameters: parameters,
            query: query, headers: head.fields, body: body, requestID: outcome.requestID,
            traceparent: outcome.traceparent, principal: principal,
            clientAddress: address, receivedAt: outcome.receivedAt,
            baseLogger: logger)
        if entry.route.isListening {
            let call = try await listening(call, head, entry.route, input, &outcome)
            guard let span = outcome.span else { return try await entry.route.handler(call) }
            return try await span.run(isolation: #isolation) { try await entry.route.handler(call) }
        }
        guard let span = outcome.span else { return try await handle(call, entry, &input) }
        return try await span.run(isolation: #isolation) { try await handle(call, entry, &input) }
    }

    /// Gives the call a place among those who listen, until ``end(_:_:)``.
    private func listening(
        _ call: Call, _ head: RequestHead, _ route: Route, _ input: InputReader, _ outcome: inout Outcome
    ) async throws -> Call {
        let owner = call.principal?.organization?.organizationID ?? ""
        try room?.enterListener(of: owner)
        let listener = Listener { try await stillAdmits(head, to: route.access, call.principal) }
        outcome.seat = Seat(listener: listener, owner: owner)
        state.enter(listener)
        try await input.listen(listener)
        var call = call
        call.listener = listener
        return call
    }

    /// Whether the request would still come to its handler.
    private func stillAdmits(_ head: RequestHead, to access: Access, _ first: Principal?) async throws -> Bool {
        guard let first else { return true }
        do {
            let principal = try await authenticate(head)
            try admit(principal, to: access)
            return principal.organization?.organizationID == first.organization?.organizationID
        } catch let problem as Problem where problem.status == .unauthorized || problem.status == .forbidden {
            return false
        }
    }

    private func stream(
        _ produce: @escaping @Sendable (StreamWriter) async throws -> Void, _ outcome: Outcome
    ) throws -> Stream {
        guard let listener = outcome.seat?.listener else {
            throw RouteError(description: "\(outcome.pattern ?? "-") answers with a stream, but is not listening")
        }
        guard let span = outcome.span else { return Stream(listener: listener, produce: produce) }
        return Stream(listener: listener) { writer in
            try await span.run(isolation: nil) { try await produce(writer) }
        }
    }

    private func handle(_ call: Call, _ entry: RouteTable.Entry, _ input: inout InputReader) async throws -> Reply {
        guard let room, entry.route.limiting != .exempt else { return try await perform(call, entry, &input) }
        if entry.route.streaming != nil {
            let sender =
                call.principal?.organization?.organizationID.description ?? call.parameters["id"] ?? ""
            try room.enterStream(of: sender)
            defer { room.leaveStream(of: sender) }
            return try await perform(call, entry, &input)
        }
        try room.enter(isFinishing: entry.route.isFinishing)
        defer { room.leave() }
        return try await perform(call, entry, &input)
    }

    private func perform(_ call: Call, _ entry: RouteTable.Entry, _ input: inout InputReader) async throws -> Reply {
        guard let streaming = entry.route.streaming else { return try await entry.route.handler(call) }
        var stream = BodyStream(input, limit: limit(of: entry), configuration)
        defer { input = stream.input }
        return try await streaming.handler(call, &stream)
    }

    private func target(of head: RequestHead) throws(Problem) -> RequestTarget {
        switch head.fault {
        case .targetTooLong: throw .targetTooLong(limit: configuration.maxTarget)
        case .malformed(let detail): throw .malformedRequest(detail)
        case nil: break
        }
        guard let target = RequestTarget(head.target) else {
            throw .malformedRequest("The request target is not a path.")
        }
        return target
    }

    private func query(_ target: RequestTarget) throws(Problem) -> Query {
        guard let text = target.query else { return .empty }
        guard let query = Query(decoding: text) else {
            throw .malformedRequest("The query is not valid percent-encoded UTF-8.")
        }
        return query
    }

    /// Looks at the credentials, and charges the request to whose they are.
    private func admit(
        _ head: RequestHead, to route: Route, from address: String, _ outcome: inout Outcome
    ) async throws -> Principal? {
        let principal: Principal?
        do {
            principal = route.access == .open ? nil : try await authenticate(head)
        } catch let problem as Problem where problem.status == .unauthorized || problem.code == "overloaded" {
            // Who guesses keys is counted by where it comes from; so is who asks for so many that there is no room to
            // look them up.
            outcome.limitFields = try await limits?.charge(anonymous: address) ?? HTTPFields()
            throw problem
        }
        outcome.organization = principal?.organization?.organizationID
        if let limits, route.limiting != .exempt, route.limiting != .signed {
            // Streams have room by their sender, and listeners by theirs: who has too many is charged for that.
            if route.streaming == nil, !route.isListening { try room?.look(isFinishing: route.isFinishing) }
            if let principal {
                outcome.limitFields = try await limits.charge(principal, route)
            } else {
                outcome.limitFields = try await limits.charge(anonymous: address)
            }
        }
        if let principal { try admit(principal, to: route.access) }
        return principal
    }

    private func authenticate(_ head: RequestHead) async throws -> Principal {
        guard let authorization = head.authorization else {
            throw Problem.unauthorized("Send credentials as `Authorization: Bearer KEY`.")
        }
        guard let token = HeaderRules.bearerToken(authorization),
            let principal = try await authenticator.authenticate(bearer: token)
        else {
            throw Problem.unauthorized("These credentials are unknown, revoked or expired.")
        }
        return principal
    }

    private func admit(_ principal: Principal, to access: Access) throws(Problem) {
        switch (access, principal) {
        case (.operatorOnly, .organization):
            throw Problem.forbidden("This takes the operator's token.")
        case (.organization, .operator):
            throw Problem.forbidden("This takes an organization's API key.")
        case (.organization(let minimum), .organization(let caller)) where caller.role < minimum:
            throw Problem.forbidden("This takes the role \(minimum); these credentials have \(caller.role).")
        default: return
        }
    }

    private func body(
        of head: RequestHead, for entry: RouteTable.Entry, reading input: inout InputReader
    ) async throws -> [UInt8] {
        if head.framing == .none { return [] }
        if head.expectation == .unknown { throw Problem.expectationFailed }
        if !entry.bodyKinds.isEmpty, !HeaderRules.accepts(head.contentType, entry.bodyKinds) {
            throw Problem.unsupportedMediaType(entry.bodyKinds)
        }
        if let streaming = entry.route.streaming {
            if let length = input.declaredLength, length > limit(of: entry) {
                throw Problem.bodyTooLarge(limit: limit(of: entry))
            }
            try await input.beginStream(stall: streaming.stall)
            return []
        }
        let body = try await input.body(limit: limit(of: entry))
        return entry.bodyKinds.isEmpty ? [] : body
    }

    private func limit(of entry: RouteTable.Entry) -> Int { entry.route.maxBody ?? configuration.maxBody }

    private func unexpected(_ error: any Error, _ outcome: Outcome) -> Problem {
        logger.error(
            "a request failed unexpectedly",
            metadata: [
                "requestId": .string(outcome.requestID), "route": .string(outcome.pattern ?? "-"),
                "error": .string(String(reflecting: error)),
            ])
        return .internal
    }
}
