/// Waits until descriptors can be read or written. Every call but ``wait(atMost:_:)`` may come from any thread.
protocol Poller: AnyObject, Sendable {
    /// Watches a descriptor; `token` comes back with its events.
    func add(_ descriptor: Int32, token: UInt64, _ interest: Interest) -> Bool
    /// Watches for something else.
    func change(_ descriptor: Int32, token: UInt64, _ interest: Interest)
    /// Watches it no longer; call before the descriptor is closed.
    func remove(_ descriptor: Int32)
    /// Makes ``wait(atMost:_:)`` return.
    func wake()
    /// Waits for events, at most that many milliseconds (-1: without end), and reports them.
    func wait(atMost milliseconds: Int32, _ report: (_ token: UInt64, _ ready: Interest) -> Void)
}

/// What a descriptor is watched for, or ready for.
struct Interest: OptionSet, Sendable {
    let rawValue: UInt8
    static let read = Interest(rawValue: 1)
    static let write = Interest(rawValue: 2)
}
