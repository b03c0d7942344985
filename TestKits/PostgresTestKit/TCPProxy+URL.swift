import ProcessTestKit

extension TCPProxy {
    /// The connection string of a server that this proxy stands before, through the proxy.
    public func url(to server: PostgresServer, database: String = "postgres", _ more: String...) -> String {
        let parameters = more.isEmpty ? "" : "?" + more.joined(separator: "&")
        return "postgresql://postgres:\(server.password)@127.0.0.1:\(port)/\(database)\(parameters)"
    }
}
