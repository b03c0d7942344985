/// Waits until descriptors can be read or written. Every call but ``wait(atMost:_:)`` may come from any thread.
package protocol Poller: AnyObject, Sendable {
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
package struct Interest: OptionSet, Sendable {
    /// The bits.
    package let rawValue: UInt8
    /// These bits.
    package init(rawValue: UInt8) { self.rawValue = rawValue }
    /// To be read.
    package static let read = Interest(rawValue: 1)
    /// To be written.
    package static let write = Interest(rawValue: 2)
}
