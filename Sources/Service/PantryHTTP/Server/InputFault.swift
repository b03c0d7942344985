import NIOHTTP1

/// Why a connection's input was given up, where NIO's own errors do not say it.
enum InputFault: Error {
    case slowHead
    case slowBody
    case targetTooLong
    case unreadable(HTTPParserError)
    /// The client is gone, or has ended its side in the middle of a request. There is nobody to answer.
    case gone

    /// What an error on a connection's input means. Wrapping it keeps it apart from the same error of a route's
    /// handler, which may speak HTTP itself.
    init(_ error: any Error) {
        switch error {
        case let fault as InputFault: self = fault
        case let error as HTTPParserError: self = .unreadable(error)
        default: self = .gone
        }
    }
}

extension HTTPServerConfiguration {
    /// What to answer after a fault, or nil when nobody can be answered.
    func problem(for fault: InputFault) -> Problem? {
        switch fault {
        case .slowHead: .requestTimeout("The request's headers did not arrive in time.")
        case .slowBody: .requestTimeout("The request's body did not arrive in time.")
        case .targetTooLong: .targetTooLong(limit: maxTarget)
        case .unreadable(.headerOverflow): .headersTooLarge(list: maxHeaderList, count: maxHeaderCount)
        case .unreadable(.invalidVersion): .unsupportedHTTPVersion
        case .unreadable: .malformedRequest("This is not valid HTTP/1.1.")
        case .gone: nil
        }
    }
}
