/// An error that the server answered with.
public struct RedisServerError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What the first word of the answer says.
    public enum Code: String, Sendable, Hashable, CaseIterable {
        /// The server has just started and reads its data; later it will do.
        case loading = "LOADING"
        /// A write was sent to a replica.
        case readOnly = "READONLY"
        /// A script or function runs for too long; nothing else is served.
        case busy = "BUSY"
        /// A password is needed and none was given.
        case notAuthenticated = "NOAUTH"
        /// User or password are wrong, or the user is disabled.
        case wrongPassword = "WRONGPASS"
        /// The user may not do this.
        case noPermission = "NOPERM"
        /// The script is not in the server's cache.
        case noScript = "NOSCRIPT"
        /// The key holds another type of value.
        case wrongType = "WRONGTYPE"
        /// `maxmemory` is reached, and nothing may be evicted.
        case outOfMemory = "OOM"
        /// `EXEC` found a command that could not be queued; nothing was executed.
        case transactionAborted = "EXECABORT"
        /// A replica that has lost its primary.
        case primaryDown = "MASTERDOWN"
        /// Too few replicas are there to write.
        case notEnoughReplicas = "NOREPLICAS"
        /// The server cannot save to disk and takes no writes.
        case cannotPersist = "MISCONF"
        /// The target of a `RESTORE` is there already.
        case keyExists = "BUSYKEY"
        /// The consumer group is there already.
        case groupExists = "BUSYGROUP"
        /// There is no such consumer group or stream.
        case noGroup = "NOGROUP"
        /// The key's slot is on another server of the cluster.
        case moved = "MOVED"
        /// The key's slot is on its way to another server of the cluster.
        case ask = "ASK"
        /// The keys of the command are on two servers for the moment.
        case tryAgain = "TRYAGAIN"
        /// The cluster does not serve the key's slot.
        case clusterDown = "CLUSTERDOWN"
        /// The keys of the command belong to different slots.
        case crossSlot = "CROSSSLOT"
        /// Protected mode: the server takes connections of its own machine only.
        case protectedMode = "DENIED"
        /// `maxclients` is reached.
        case tooManyClients = "ERR max number of clients reached"
        /// An error without a code of its own, such as a syntax error.
        case generic = "ERR"
        /// A first word that is not in this list; see ``RedisServerError/message``.
        case other = ""
    }

    /// What the server said. An echo of a command's arguments is cut off: it may hold secrets.
    public let message: String

    /// What the first word of the answer says.
    public var code: Code {
        if message.hasPrefix(Code.tooManyClients.rawValue) { return .tooManyClients }
        let word = message.prefix { $0 != " " }
        return word.isEmpty ? .other : Code(rawValue: String(word)) ?? .other
    }

    /// An error with the server's text.
    public init(message: String) {
        let echo = message.firstRange(of: ", with args beginning with").map(\.lowerBound)
        let text = message[..<(echo ?? message.endIndex)]
        self.message = String(text.prefix(512).map { $0.isNewline ? " " : $0 })
    }

    /// What the server said.
    public var description: String { message }
}
