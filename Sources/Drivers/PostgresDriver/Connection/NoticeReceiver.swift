import CLibPQ
import Synchronization

/// Hands on what the server says besides answers; libpq would print it.
final class NoticeReceiver: Sendable {
    private let observer: (@Sendable (String, String) -> Void)?
    private let server: String
    private let last = Mutex<PostgresError?>(nil)
    private let isUnreplicated = Atomic(false)

    init(_ observer: (@Sendable (String, String) -> Void)?, server: String) {
        (self.observer, self.server) = (observer, server)
    }

    /// The receiver must live as long as the connection.
    func attach(_ handle: LibPQHandle) {
        PQsetNoticeReceiver(
            handle.pointer,
            { context, result in
                guard let context, let result else { return }
                Unmanaged<NoticeReceiver>.fromOpaque(context).takeUnretainedValue().receive(result)
            }, Unmanaged.passUnretained(self).toOpaque())
    }

    /// Why the server ended the session while nothing was under way, which libpq hands over as a notice.
    var farewell: PostgresError? { last.withLock { $0 } }

    /// Whether the server has said, since this was last asked, that the commit which it is about to acknowledge was not
    /// confirmed by its synchronous standbys: the wait for them was cancelled, and a commit cannot be taken back.
    func takeUnreplicated() -> Bool {
        isUnreplicated.load(ordering: .acquiring) && isUnreplicated.exchange(false, ordering: .acquiringAndReleasing)
    }

    private func receive(_ result: OpaquePointer) {
        if let error = PostgresError.server(in: result, of: server), error.endsSession {
            last.withLock { $0 = error }
        }
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        // The function in the server's source: the words are in its language, and the code is that of any warning.
        if field("R") == "SyncRepWaitForLSN" { isUnreplicated.store(true, ordering: .releasing) }
        guard let observer else { return }
        observer(field("V") ?? "NOTICE", field("M") ?? "")
    }
}
