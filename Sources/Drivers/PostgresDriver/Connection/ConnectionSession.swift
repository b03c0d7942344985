import CLibPQ
import Determinism
import SocketReactor
import Storage

/// What a connection's lock guards: libpq's connection and the machine that says what is to be done with it.
struct ConnectionSession: Sendable {
    /// nil once it is closed.
    private(set) var handle: LibPQHandle?
    var machine: PipelineMachine<PendingBatch>
    let server: String
    private let scratch = ParameterScratch()
    /// Whether libpq has bytes that the socket would not take.
    private(set) var hasUnsentBytes = false
    /// The first thing that went wrong with the connection itself.
    private var breakage: String?
    /// Why the server ends the session.
    private var farewell: PostgresError?
    let notices: NoticeReceiver
    var copyWait: CopyWait?
    var copyContinuation: CheckedContinuation<CopyEvent, Never>?
    /// What the copy came to, before its end has come.
    var copyOutcome: Result<Int, PostgresError>?
    var watched: Interest = .read

    init(_ handle: LibPQHandle, limits: PipelineLimits, server: String, notices: NoticeReceiver) {
        (self.handle, machine, self.server) = (handle, PipelineMachine(limits: limits), server)
        self.notices = notices
    }

    /// What the socket is to be watched for.
    var interest: Interest {
        var interest: Interest = hasUnsentBytes ? [.read, .write] : .read
        // Nobody takes what is copied out: the server is to wait.
        if case .copying = machine.phase, copyContinuation == nil { interest.remove(.read) }
        return interest
    }

    // MARK: sending

    /// Sends all that may be sent now.
    mutating func pump(now: Instant, _ effects: inout ConnectionEffects) {
        guard let handle else { return }
        while breakage == nil, let step = machine.nextStep(now: now) {
            switch step {
            case .batch(let pending): for item in pending.batch.items { send(item, handle) }
            case .rollback: sendText("ROLLBACK", handle)
            case .deallocate(let statement): sendText("DEALLOCATE \(statement.name)", handle)
            case .sync: check(PQpipelineSync(handle.pointer), handle)
            case .cancel: effects.cancels = true
            }
        }
        flush()
        if breakage != nil { fail(&effects) }
    }

    mutating func flush() {
        guard let handle else { return }
        switch PQflush(handle.pointer) {
        case 0: hasUnsentBytes = false
        case 1: hasUnsentBytes = true
        default: breakage = breakage ?? handle.message
        }
    }

    private mutating func send(_ item: PostgresBatch.Item, _ handle: LibPQHandle) {
        let plan = machine.plan(item.statement, types: item.parameters.places.lazy.map(\.type))
        switch plan {
        case .unnamed:
            let status = scratch.with(item.parameters) { values in
                PQsendQueryParams(
                    handle.pointer, item.statement.text, values.count, values.types, values.values, values.lengths,
                    values.formats, 1)
            }
            check(status, handle)
        case .prepare(let reference):
            let types = machine.cache.types(of: reference)
            check(
                PQsendPrepare(handle.pointer, reference.name, item.statement.text, Int32(types.count), types), handle)
            execute(reference, item.parameters, handle)
        case .named(let reference):
            execute(reference, item.parameters, handle)
        }
    }

    private mutating func execute(
        _ reference: StatementCache.Reference, _ parameters: PostgresParameters, _ handle: LibPQHandle
    ) {
        let status = scratch.with(parameters) { values in
            PQsendQueryPrepared(
                handle.pointer, reference.name, values.count, values.values, values.lengths, values.formats, 1)
        }
        check(status, handle)
    }

    private mutating func sendText(_ text: String, _ handle: LibPQHandle) {
        check(PQsendQueryParams(handle.pointer, text, 0, nil, nil, nil, nil, 1), handle)
    }

    private mutating func check(_ status: Int32, _ handle: LibPQHandle) {
        if status != 1, breakage == nil { breakage = handle.message }
    }

    // MARK: receiving

    /// Reads what has come and gives each result to whom it belongs.
    mutating func receive(_ effects: inout ConnectionEffects) {
        guard let handle else { return }
        let isAlive = PQconsumeInput(handle.pointer) == 1
        if case .copying = machine.phase {} else { takeResults(handle, &effects) }
        while let notify = PQnotifies(handle.pointer) {
            effects.notifications.append(
                PostgresNotification(
                    channel: String(cString: notify.pointee.relname), payload: String(cString: notify.pointee.extra),
                    processIdentifier: notify.pointee.be_pid))
            PQfreemem(notify)
        }
        if !isAlive || PQstatus(handle.pointer) == CONNECTION_BAD, breakage == nil { breakage = handle.message }
        if breakage != nil { fail(&effects) }
    }

    private mutating func takeResults(_ handle: LibPQHandle, _ effects: inout ConnectionEffects) {
        var endsInARow = 0
        while breakage == nil, machine.isAwaiting, PQisBusy(handle.pointer) == 0 {
            // Notices are read in their place between the results: this one is about the result that is next.
            if notices.takeUnreplicated() { machine.commitIsUnreplicated() }
            guard let result = PQgetResult(handle.pointer) else {
                endsInARow += 1
                if endsInARow > 2 { return }
                apply(machine.receive(.end), nil, &effects)
                continue
            }
            endsInARow = 0
            take(result, handle, &effects)
        }
    }

    private mutating func take(
        _ result: OpaquePointer, _ handle: LibPQHandle, _ effects: inout ConnectionEffects
    ) {
        switch PQresultStatus(result) {
        case PGRES_TUPLES_OK, PGRES_COMMAND_OK, PGRES_EMPTY_QUERY:
            let taken = PostgresResult(result)
            apply(machine.receive(.result(CommandKind(tag: taken.commandTag))), taken, &effects)
        case PGRES_PIPELINE_SYNC:
            PQclear(result)
            apply(machine.receive(.sync(handle.transactionStatus)), nil, &effects)
        case PGRES_PIPELINE_ABORTED:
            PQclear(result)
            apply(machine.receive(.skipped), nil, &effects)
        case PGRES_COPY_IN, PGRES_COPY_OUT, PGRES_COPY_BOTH:
            PQclear(result)
            breakage = "a COPY was sent in a batch; use copyIn and copyOut"
        default:
            defer { PQclear(result) }
            guard let error = PostgresError.server(in: result, of: server) else {
                breakage = LibPQHandle.oneLine(String(cString: PQresultErrorMessage(result)))
                return
            }
            if error.endsSession { farewell = error }
            apply(machine.receive(.failure(error)), nil, &effects)
        }
    }

    private mutating func apply(
        _ action: PipelineMachine<PendingBatch>.Action, _ result: PostgresResult?, _ effects: inout ConnectionEffects
    ) {
        switch action {
        case .none: break
        case .keep(let pending): if let result { pending.results.append(result) }
        case .end(let ending): effects.answer(ending)
        case .broken(let reason): breakage = reason
        }
    }

    // MARK: the end

    private mutating func fail(_ effects: inout ConnectionEffects) {
        let farewell = farewell ?? notices.farewell
        let reason = farewell?.storage.reason ?? "“\(server)”: \(breakage ?? "the connection was lost")"
        close(PostgresError(.connectionLost, .unavailable(reason), sqlState: farewell?.sqlState), &effects)
    }

    /// Answers everybody; ``takeHandle()`` then hands out what is to be closed.
    mutating func close(_ error: PostgresError, _ effects: inout ConnectionEffects) {
        guard !machine.isClosed else { return }
        for ending in machine.lose(error) { effects.answer(ending) }
        if let continuation = copyContinuation { effects.copyAnswer = (continuation, .lost(error)) }
        copyContinuation = nil
        effects.closed = error
    }

    /// The connection, once it is closed, for its sole owner from now on.
    mutating func takeHandle() -> LibPQHandle? {
        guard machine.isClosed else { return nil }
        defer { handle = nil }
        return handle
    }
}

extension ConnectionEffects {
    mutating func answer(_ ending: PipelineMachine<PendingBatch>.Ending) {
        guard let continuation = ending.token.continuation else { return }
        ending.token.continuation = nil
        answers.append((continuation, ending.token.answer(ending.outcome)))
    }
}
