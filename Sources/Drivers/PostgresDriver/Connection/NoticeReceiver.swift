import CLibPQ
import Synchronization

/// Hands on what the server says besides answers; libpq would print it.
final class NoticeReceiver: Sendable {
    private let observer: (@Sendable (String, String) -> Void)?
    private let server: String
    private let last = Mutex<PostgresError?>(nil)

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

    private func receive(_ result: OpaquePointer) {
        if let error = PostgresError.server(in: result, of: server), error.sqlState?.endsSession ?? false {
            last.withLock { $0 = error }
        }
        guard let observer else { return }
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        observer(field("V") ?? "NOTICE", field("M") ?? "")
    }
}
