/// Commands that do not go over a connection that many callers share.
enum CommandRefusal {
    /// Why the command is not sent; nil if it may be.
    static func reason(_ command: RedisCommand, allowsBlocking: Bool) -> String? {
        let name = command.nameBytes
        // Most commands are decided by their first letter and length.
        guard let first = name.first else { return "the command has no name" }
        guard name.count < 64, suspects[Int(first & 0x1F)] & 1 << UInt64(name.count) != 0 else { return nil }
        let upper = String(decoding: name.map { (97...122).contains($0) ? $0 & 0xDF : $0 }, as: UTF8.self)
        if let reason = refused[upper] { return "\(upper) is not sent over a shared connection; \(reason)" }
        if upper == "CLIENT", second(command) == "REPLY" {
            return "CLIENT REPLY is not sent: every command of this client gets its answer"
        }
        if allowsBlocking { return nil }
        if blocking.contains(upper) || (upper == "XREAD" || upper == "XREADGROUP") && hasBlock(command) {
            return "\(upper) keeps its connection waiting, and everybody behind it; use a client of its own for it, "
                + "with allowsBlockingCommands"
        }
        return nil
    }

    /// For each letter, the lengths of the names below that begin with it, a bit each.
    private static let suspects: [UInt64] = {
        var lengths = [UInt64](repeating: 0, count: 32)
        for name in Array(refused.keys) + blocking + ["CLIENT", "XREAD", "XREADGROUP"] {
            for first in name.utf8.prefix(1) { lengths[Int(first & 0x1F)] |= 1 << UInt64(name.utf8.count) }
        }
        return lengths
    }()
    private static let refused: [String: String] = {
        var list: [String: String] = [:]
        for name in ["SUBSCRIBE", "PSUBSCRIBE", "SSUBSCRIBE", "UNSUBSCRIBE", "PUNSUBSCRIBE", "SUNSUBSCRIBE"] {
            list[name] = "use subscribe(…)"
        }
        for name in ["MULTI", "EXEC", "DISCARD"] { list[name] = "use transaction(…)" }
        for name in ["WATCH", "UNWATCH"] {
            list[name] = "commands of others would come between; use a script, which is atomic by itself"
        }
        for name in ["AUTH", "SELECT", "HELLO"] {
            list[name] = "user and database belong to the client's configuration"
        }
        for name in ["QUIT", "RESET", "MONITOR", "SYNC", "PSYNC"] { list[name] = "it would end what others wait for" }
        return list
    }()
    private static let blocking: Set<String> = [
        "BLPOP", "BRPOP", "BRPOPLPUSH", "BLMOVE", "BLMPOP", "BZPOPMIN", "BZPOPMAX", "BZMPOP", "WAIT", "WAITAOF",
    ]

    private static func second(_ command: RedisCommand) -> String? {
        command.parts.dropFirst().first.map { String(decoding: $0, as: UTF8.self).uppercased() }
    }
    private static func hasBlock(_ command: RedisCommand) -> Bool {
        var words = command.parts.dropFirst().map { String(decoding: $0, as: UTF8.self).uppercased() }[...]
        while let word = words.popFirst() {
            if word == "BLOCK" { return true }
            if word == "STREAMS" { return false }
            // The names of a group and of its member may be any words.
            if word == "GROUP" { words = words.dropFirst(2) }
        }
        return false
    }
}

extension RedisCommand {
    /// The name and the arguments, read back.
    var parts: [ArraySlice<UInt8>] {
        var parts: [ArraySlice<UInt8>] = []
        var place = 0
        while place < body.count, let end = body[place...].firstIndex(of: 0x0D) {
            let length = Int(String(decoding: body[(place + 1)..<end], as: UTF8.self)) ?? 0
            parts.append(body[(end + 2)..<(end + 2 + length)])
            place = end + 2 + length + 2
        }
        return parts
    }
}
