import CLibPQ
import Storage

/// What a copying caller waits for.
enum CopyWait: Sendable {
    /// The server's next result.
    case result
    /// That libpq's buffer has gone out.
    case flushed
    /// The next piece that is copied out.
    case data
}

/// What it hears.
enum CopyEvent: Sendable {
    /// The copy may begin.
    case began
    /// The server's last word: how many rows, or an error.
    case ended(Result<Int, PostgresError>)
    /// The buffer has gone out.
    case flushed
    /// A piece of what is copied out: one row.
    case data([UInt8])
    /// There is nothing more to copy out; a result follows.
    case endOfData
    /// The connection is gone.
    case lost(PostgresError)
}

/// `COPY`, for which libpq has to leave pipeline mode.
extension ConnectionSession {
    /// Leaves pipeline mode and sends the command.
    mutating func startCopy(_ text: String) -> Bool {
        guard let handle, PQexitPipelineMode(handle.pointer) == 1, PQsendQuery(handle.pointer, text) == 1 else {
            return false
        }
        flush()
        return true
    }

    /// Goes back to pipeline mode.
    mutating func finishCopy() -> Bool {
        guard let handle, PQenterPipelineMode(handle.pointer) == 1 else { return false }
        machine.endCopy(handle.transactionStatus)
        return true
    }

    mutating func putCopyData(_ bytes: [UInt8]) -> Bool {
        guard let handle else { return false }
        let status = bytes.withUnsafeBytes { bytes in
            PQputCopyData(handle.pointer, bytes.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(bytes.count))
        }
        flush()
        return status == 1
    }

    /// - Parameter failure: makes the server refuse what was copied in.
    mutating func putCopyEnd(failure: String?) -> Bool {
        guard let handle else { return false }
        let status = PQputCopyEnd(handle.pointer, failure)
        flush()
        return status == 1
    }

    /// Answers the copying caller if what it waits for is there.
    mutating func advanceCopy(_ effects: inout ConnectionEffects) {
        guard let wait = copyWait, let continuation = copyContinuation, let event = copyEvent(wait) else { return }
        (copyWait, copyContinuation) = (nil, nil)
        effects.copyAnswer = (continuation, event)
    }

    /// What there is for somebody who waits for this; nil for nothing yet.
    mutating func copyEvent(_ wait: CopyWait) -> CopyEvent? {
        guard let handle else {
            return .lost(PostgresError(.connectionLost, .unavailable("“\(server)”: the connection is closed")))
        }
        switch wait {
        case .flushed:
            flush()
            return hasUnsentBytes ? nil : .flushed
        case .data:
            var buffer: UnsafeMutablePointer<CChar>?
            let length = PQgetCopyData(handle.pointer, &buffer, 1)
            guard length > 0, let buffer else { return length == 0 ? nil : .endOfData }
            defer { PQfreemem(buffer) }
            return .data(Array(UnsafeRawBufferPointer(start: buffer, count: Int(length))))
        case .result:
            flush()
            return hasUnsentBytes ? nil : lastResult(handle)
        }
    }

    /// Takes results until there is nothing more for the command; the last one counts. nil as long as more may come:
    /// only behind the end is the connection free for something else.
    private mutating func lastResult(_ handle: LibPQHandle) -> CopyEvent? {
        while PQisBusy(handle.pointer) == 0 {
            guard let result = PQgetResult(handle.pointer) else {
                defer { copyOutcome = nil }
                let missing = PostgresError(.decoding, .unavailable("“\(server)”: the COPY ended without a result"))
                return .ended(copyOutcome ?? .failure(missing))
            }
            switch PQresultStatus(result) {
            case PGRES_COPY_IN, PGRES_COPY_OUT:
                PQclear(result)
                return .began
            case PGRES_COMMAND_OK, PGRES_TUPLES_OK:
                let taken = PostgresResult(result)
                copyOutcome =
                    notices.takeUnreplicated() ? .failure(.unreplicated(.server)) : .success(taken.affectedRows)
            default:
                let error = PostgresError.server(in: result, of: server)
                let message = LibPQHandle.oneLine(String(cString: PQresultErrorMessage(result)))
                let lost = PostgresError(.connectionLost, .unavailable("“\(server)”: \(message)"))
                copyOutcome = .failure(error ?? lost)
                PQclear(result)
            }
        }
        return nil
    }
}
