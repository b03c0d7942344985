import NIOCore

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#elseif canImport(Darwin)
    import Darwin
#endif

/// The server could not take its address.
package struct ListenError: Error, Sendable, CustomStringConvertible {
    /// `host:port`.
    package var address: String
    /// In words for whoever starts the server.
    package var cause: String

    package init(address: String, cause: String) {
        self.address = address
        self.cause = cause
    }

    package var description: String {
        "cannot listen on \(address): \(cause)"
    }
}

extension ListenError {
    /// What a failed bind means.
    static func words(for error: any Error) -> String {
        switch error {
        case let error as IOError:
            switch error.errnoCode {
            case EADDRINUSE: "the port is in use"
            case EACCES: "no permission; ports below 1024 take a privilege"
            case EADDRNOTAVAIL: "this machine does not have that address"
            default: error.description
            }
        case is SocketAddressError, is SocketAddressError.UnknownHost: "the host name is unknown"
        default: String(describing: error)
        }
    }
}
