/// What an error says about making the same call again.
public enum RepeatAdvice: Sendable, Hashable {
    /// The call had no effect, and may have one if it is made again; not before that time has passed, if there is one.
    case repeatable(after: Duration? = nil)
    /// The call may have had an effect: it may be made again only if doing it twice does no harm.
    case uncertain(after: Duration? = nil)
    /// Making it again now is of no use.
    case pointless
}

/// An error that knows whether its call may be made again. Errors that do not are taken for
/// ``RepeatAdvice/uncertain(after:)``.
public protocol RepeatAdvising: Error {
    /// What it says.
    var repeatAdvice: RepeatAdvice { get }
}

extension RepeatAdvice {
    /// What `error` says. A cancellation is not repeated: whoever was cancelled, caller or somebody further in, wants
    /// no more of it.
    public init(of error: any Error) {
        switch error {
        case is CancellationError: self = .pointless
        case let error as any RepeatAdvising: self = error.repeatAdvice
        default: self = .uncertain()
        }
    }
}

extension RepeatAdvice {
    /// How long to wait before the call is made again, if the error says so.
    public var pause: Duration? {
        switch self {
        case .repeatable(let pause), .uncertain(let pause): pause
        case .pointless: nil
        }
    }
}

/// An error that means that the call was never made, for a reason on our side: a full bulkhead, an open circuit further
/// in. It says nothing about whom would have been called.
public protocol CallNotMade: Error {}
