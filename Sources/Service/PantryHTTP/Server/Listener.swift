import Synchronization

/// A client that waits for what is to come, on a stream or for the answer to a long poll. It takes no place of those
/// who want an answer now, and its waiting ends when it goes away or the server stops.
package final class Listener: Sendable {
    /// Why a client's waiting was ended.
    enum End: Sendable {
        case clientGone
        /// The server stops. What was begun is ended in good order; the client goes on elsewhere.
        case stopping
    }

    private struct State {
        var end: End?
        /// Whoever waits for the end at this moment.
        var waiter: CheckedContinuation<Void, Never>?
    }

    private let state = Mutex(State())
    private let (sent, sending) = AsyncStream.makeStream(of: Void.self)
    private let check: @Sendable () async throws -> Bool

    /// - Parameter check: whether the request would still be let in.
    init(check: @escaping @Sendable () async throws -> Bool = { true }) {
        self.check = check
    }

    /// Whether its credentials are still good for its route. Ask before anything is told that came after the request.
    ///
    /// - Throws: when that cannot be told now.
    package func isStillAllowed() async throws -> Bool { try await check() }

    /// Runs work that waits, and cancels it when the server stops or the client goes away. One at a time.
    ///
    /// - Returns: nil when the server stops.
    /// - Throws: what the work throws; when the client is gone, an error that nobody can be told of.
    package func untilStopped<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        if let end { return try value(of: nil, after: end) }
        let result = await withTaskGroup(of: Result<Value, any Error>?.self) { group in
            group.addTask {
                do { return .success(try await work()) } catch { return .failure(error) }
            }
            group.addTask {
                await self.waitForEnd()
                return nil
            }
            var result: Result<Value, any Error>?
            for await outcome in group {
                if let outcome { result = outcome }
                group.cancelAll()
            }
            return result
        }
        if let end { return try value(of: result, after: end) }
        return try result?.get()
    }

    private func value<Value>(of result: Result<Value, any Error>?, after end: End) throws -> Value? {
        switch end {
        case .clientGone: throw InputFault.gone
        // What the work says of its being cancelled is of no interest.
        case .stopping: try? result?.get()
        }
    }

    private func waitForEnd() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                state.withLock { $0.waiter = continuation }
                // Either may have come before there was anybody to wake.
                if Task.isCancelled || end != nil { wake() }
            }
        } onCancel: {
            wake()
        }
    }

    private func wake() {
        let waiter = state.withLock { state in
            defer { state.waiter = nil }
            return state.waiter
        }
        waiter?.resume()
    }

    // MARK: What its connection and its server tell

    /// nil as long as it may wait.
    var end: End? { state.withLock { $0.end } }

    func end(_ reason: End) {
        state.withLock { state in
            // Whoever has gone hears nothing of a stop.
            if state.end != .clientGone { state.end = reason }
        }
        if reason == .clientGone { sending.finish() }
        wake()
    }

    /// The socket has taken a part of a stream.
    func partSent() { sending.yield() }

    /// Waits for ``partSent()``.
    ///
    /// - Returns: false if it will not come.
    func nextSent() async -> Bool {
        for await _ in sent { return true }
        return false
    }
}

extension Call {
    /// See ``Listener/untilStopped(_:)``; a call that nobody listens with waits as long as its work.
    func untilStopped<Value: Sendable>(
        _ work: @escaping @Sendable () async throws -> Value
    ) async throws -> Value? {
        guard let listener else { return try await work() }
        return try await listener.untilStopped(work)
    }

    /// See ``Listener/isStillAllowed()``.
    func isStillAllowed() async throws -> Bool { try await listener?.isStillAllowed() ?? true }
}
