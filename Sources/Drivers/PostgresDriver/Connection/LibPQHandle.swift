import CLibPQ
import Storage

/// A connection of libpq. Whoever has it sees to it that one thread uses it at a time.
struct LibPQHandle: @unchecked Sendable {
    let pointer: OpaquePointer

    /// What libpq says of the last thing that went wrong, without line breaks.
    var message: String { Self.oneLine(String(cString: PQerrorMessage(pointer))) }

    var transactionStatus: TransactionStatus {
        switch PQtransactionStatus(pointer) {
        case PQTRANS_IDLE: .idle
        case PQTRANS_INTRANS: .inTransaction
        case PQTRANS_INERROR: .failed
        default: .unknown
        }
    }

    func parameter(_ name: String) -> String? {
        PQparameterStatus(pointer, name).map { String(cString: $0) }
    }

    static func oneLine(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).map { $0.trimmingBlanks }.filter { !$0.isEmpty }
            .joined(separator: "; ")
    }
}

extension PostgresError {
    /// The error in a result of libpq; nil without a code, which is libpq's own, about the connection.
    static func server(in result: OpaquePointer, of server: String) -> PostgresError? {
        func field(_ code: Character) -> String? {
            PQresultErrorField(result, Int32(code.asciiValue ?? 0)).map { String(cString: $0) }
        }
        guard let state = field("C") else { return nil }
        return .server(
            sqlState: SQLState(state), message: field("M") ?? "no message", constraint: field("n"), hint: field("H"),
            server: server,
            // The severity in its words, which poolers leave out, before that in the server's language.
            isFatal: ["FATAL", "PANIC"].contains(field("V") ?? field("S")))
    }
}

/// What asks a server to cancel what a connection runs.
final class CancelKey: @unchecked Sendable {  // libpq documents PQcancel as safe from any thread
    private let key: OpaquePointer

    init?(_ handle: LibPQHandle) {
        guard let key = PQgetCancel(handle.pointer) else { return nil }
        self.key = key
    }
    deinit { PQfreeCancel(key) }

    /// Connects, asks, and waits until the server has closed that connection. Blocks. Returns libpq's complaint, if
    /// any.
    func cancel() -> String? {
        var buffer = [CChar](repeating: 0, count: 256)
        if PQcancel(key, &buffer, Int32(buffer.count)) == 1 { return nil }
        return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

extension Substring {
    var trimmingBlanks: Substring {
        var text = self
        while text.first == " " || text.first == "\t" { text = text.dropFirst() }
        while text.last == " " || text.last == "\t" { text = text.dropLast() }
        return text
    }
}
