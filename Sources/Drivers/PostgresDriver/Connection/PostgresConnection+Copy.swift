import Determinism
import SocketReactor
import Storage

/// `COPY`: bulk loading and unloading. It takes the whole connection for its time, outside of pipeline mode.
extension PostgresConnection {
    /// Copies rows into a table, or whatever `COPY … FROM STDIN` says. All of them or none, unless a transaction is
    /// open.
    ///
    /// When the chunks fail or the task is cancelled, the server is told to refuse what it has, and the connection
    /// stays usable.
    /// - Parameters:
    ///   - statement: a `COPY … FROM STDIN` command.
    ///   - patience: the longest wait for one chunk to be taken, and for the answer; the request timeout if nil.
    ///   - chunks: bytes in the command's format, cut anywhere.
    /// - Returns: how many rows were copied.
    /// - Throws: ``PostgresError``, or what `chunks` throws.
    @discardableResult
    public func copyIn<Chunks: AsyncSequence>(
        _ statement: String, patience: Duration? = nil, from chunks: Chunks
    ) async throws -> Int where Chunks.Element == [UInt8] {
        let patience = patience ?? configuration.requestTimeout
        try await beginCopy(statement, patience)
        var (failure, isLost): ((any Error)?, Bool) = (nil, false)
        do {
            for try await chunk in chunks {
                try Task.checkCancellation()
                guard !chunk.isEmpty else { continue }
                let isTaken = perform { session, _ in session.putCopyData(chunk) }
                guard isTaken else { break }  // the result says why
                if case .lost(let error) = await copyStep(.flushed, patience) {
                    isLost = true
                    throw error
                }
            }
        } catch { failure = error }
        // Not so where it was the source's connection that was lost.
        if isLost, let failure { throw failure }
        _ = perform { session, _ in session.putCopyEnd(failure: failure == nil ? nil : "the client gave it up") }
        let outcome = try await endCopy(failure == nil ? patience : configuration.drainTimeout)
        if let failure { throw failure }
        return try outcome.get()
    }

    /// Copies rows out of a table or a query, as `COPY … TO STDOUT` says. The server waits while `body` works.
    ///
    /// When `body` throws or the task is cancelled, the statement is cancelled and what was under way is dropped; the
    /// connection stays usable, unless that takes longer than the drain timeout.
    /// - Parameters:
    ///   - statement: a `COPY … TO STDOUT` command.
    ///   - patience: the longest wait for the next row; the request timeout if nil.
    ///   - body: is handed one row after the other, as the server cut them.
    /// - Returns: how many rows were copied.
    /// - Throws: ``PostgresError``, or what `body` throws.
    @discardableResult
    public func copyOut(
        _ statement: String, patience: Duration? = nil, to body: ([UInt8]) async throws -> Void
    ) async throws -> Int {
        let patience = patience ?? configuration.requestTimeout
        try await beginCopy(statement, patience)
        var failure: (any Error)?
        reading: while true {
            switch await copyStep(.data, failure == nil ? patience : nil) {
            case .data(let row):
                if failure != nil { continue }
                do {
                    try Task.checkCancellation()
                    try await body(row)
                } catch {
                    failure = error
                    // From here on there is only the time to drain, however much still comes.
                    extendCopy(configuration.drainTimeout)
                    cancelRunning()
                }
            case .lost(let error): throw failure ?? error
            case .began, .ended, .flushed, .endOfData: break reading
            }
        }
        let outcome = try await endCopy(failure == nil ? patience : nil)
        if let failure { throw failure }
        return try outcome.get()
    }

    private func beginCopy(_ statement: String, _ patience: Duration) async throws(PostgresError) {
        if statement.utf8.contains(0) {
            throw PostgresError(.invalidRequest, .statement("the text of the statement holds the character U+0000"))
        }
        let deadline = reactor.time.instant() + patience
        let refusal: PostgresError? = perform { session, effects in
            if let refusal = session.machine.beginCopy(deadline: deadline) { return refusal }
            if session.startCopy(statement) { return nil }
            let error = PostgresError(
                .connectionLost, .unavailable("“\(server)”: \(session.handle?.message ?? "it is closed")"))
            session.close(error, &effects)
            return error
        }
        if let refusal { throw refusal }
        switch await copyStep(.result, patience) {
        case .began: return
        case .lost(let error): throw error
        case .ended(let outcome):
            try leaveCopy()
            if case .failure(let error) = outcome { throw error }
            throw PostgresError(
                .invalidRequest, .statement("the statement is no COPY … FROM STDIN and no COPY … TO STDOUT"))
        case .flushed, .data, .endOfData:
            throw PostgresError(.decoding, .unavailable("“\(server)”: a COPY began out of turn"))
        }
    }

    private func endCopy(_ patience: Duration?) async throws(PostgresError) -> Result<Int, PostgresError> {
        let event = await copyStep(.result, patience)
        if case .lost(let error) = event { throw error }
        try leaveCopy()
        if case .ended(let outcome) = event { return outcome }
        let error = PostgresError(.decoding, .unavailable("“\(server)”: a COPY did not end where it should"))
        closeNow(error)
        throw error
    }

    private func leaveCopy() throws(PostgresError) {
        if perform({ session, _ in session.finishCopy() }) { return }
        let error = PostgresError(.connectionLost, .unavailable("“\(server)”: no pipeline mode after a COPY"))
        closeNow(error)
        throw error
    }

    private func extendCopy(_ patience: Duration) {
        let deadline = reactor.time.instant() + patience
        perform { session, _ in session.machine.extendCopy(deadline: deadline) }
    }

    /// Waits for one thing. The machine's alarm closes the connection when that takes too long.
    /// - Parameter patience: nil to leave the deadline as it is.
    private func copyStep(_ wait: CopyWait, _ patience: Duration?) async -> CopyEvent {
        if let patience { extendCopy(patience) }
        return await withCheckedContinuation { continuation in
            perform { session, effects in
                if let event = session.copyEvent(wait) {
                    effects.copyAnswer = (continuation, event)
                } else {
                    (session.copyWait, session.copyContinuation) = (wait, continuation)
                }
            }
        }
    }
}
