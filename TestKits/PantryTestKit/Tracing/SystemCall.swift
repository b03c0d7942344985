import Foundation

/// One system call of a trace that `strace -f -y -o FILE` wrote.
public struct SystemCall: Sendable, Hashable {
    /// The thread that made it.
    public var thread: Int
    /// `pwrite64`, `fdatasync`, …
    public var name: String
    /// The file descriptor that is its first argument.
    public var descriptor: Int?
    /// What the descriptor is: a path, or as in `socket:[123]`.
    public var file: String?
    /// All arguments as the trace has them.
    public var arguments: String
    /// What it returned; nil while it has not.
    public var result: Int?
    /// The trace's line on which it began.
    public var began: Int
    /// The line on which it ended; nil when the trace ends before that.
    public var ended: Int?

    /// Whether it hands bytes to a file or a socket.
    public var isWrite: Bool {
        ["write", "writev", "pwrite64", "pwritev", "pwritev2", "sendto", "sendmsg"].contains(name)
    }
    /// Whether it takes bytes from one.
    public var isRead: Bool { ["read", "readv", "recvfrom", "recvmsg"].contains(name) }
    /// Whether it makes what was written to the file durable.
    public var isSync: Bool { name == "fdatasync" || name == "fsync" }

    /// Reads a trace. A call that other threads interrupt takes two lines, `… <unfinished ...>` and `<... name
    /// resumed>…`, which become one call. Lines that are no calls (signals, exits) are passed over.
    public static func parse(_ trace: String) -> [SystemCall] {
        var calls: [SystemCall] = []
        var open: [Int: Int] = [:]
        for (index, line) in trace.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            guard let space = line.firstIndex(of: " "), let thread = Int(line[..<space]) else { continue }
            let rest = line[space...].drop { $0 == " " }
            if rest.hasPrefix("<... ") {
                guard let place = open.removeValue(forKey: thread), let end = rest.firstIndex(of: ">") else { continue }
                calls[place].finish(rest[rest.index(after: end)...], on: index)
            } else if let parenthesis = rest.firstIndex(of: "("), let call = begin(rest, parenthesis, thread, index) {
                calls.append(call)
                let unfinished = " <unfinished ...>"
                if rest.hasSuffix(unfinished) {
                    calls[calls.count - 1].arguments.removeLast(unfinished.count)
                    open[thread] = calls.count - 1
                } else {
                    calls[calls.count - 1].arguments = ""
                    calls[calls.count - 1].finish(rest[rest.index(after: parenthesis)...], on: index)
                }
            }
        }
        return calls
    }

    private static func begin(
        _ text: Substring, _ parenthesis: Substring.Index, _ thread: Int, _ line: Int
    ) -> SystemCall? {
        let name = text[..<parenthesis]
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else { return nil }
        let arguments = text[text.index(after: parenthesis)...]
        let digits = arguments.prefix { $0.isNumber }
        var file: String?
        let behind = arguments.dropFirst(digits.count)
        if behind.first == "<", let end = behind.firstIndex(of: ">") {
            file = String(behind[behind.index(after: behind.startIndex)..<end])
        }
        return SystemCall(
            thread: thread, name: String(name), descriptor: Int(digits), file: file, arguments: String(arguments),
            result: nil, began: line, ended: nil)
    }

    /// Takes the rest of the arguments and the result, as in `…, 24, 32) = 24`.
    private mutating func finish(_ text: Substring, on line: Int) {
        ended = line
        guard let equals = text.range(of: " = ", options: .backwards) else {
            arguments += text
            return
        }
        arguments += text[..<equals.lowerBound]
        result = Int(text[equals.upperBound...].prefix { $0.isNumber || $0 == "-" })
    }
}
