import AsyncHTTPClient
import NIOCore
import Synchronization

/// Knows whether a request's body was given away to be written.
///
/// Stripe executes no POST whose body it has not got, so a body that was never given away is a request that was never
/// sent, whatever error came of it. Opening and closing exclude each other: after ``closeUnopened()`` has returned
/// true, not one byte of the body is ever given away, not even by a client that goes on with a cancelled request.
final class SendGate: Sendable {
    private enum State {
        static let waiting: UInt8 = 0
        static let open: UInt8 = 1
        static let closed: UInt8 = 2
    }
    private let state = Atomic<UInt8>(State.waiting)

    /// Lets the body through; false when the gate was closed before.
    func open() -> Bool {
        state.compareExchange(expected: State.waiting, desired: State.open, ordering: .acquiringAndReleasing).exchanged
    }
    /// Closes the gate; false when it was open already.
    func closeUnopened() -> Bool {
        let (exchanged, was) = state.compareExchange(
            expected: State.waiting, desired: State.closed, ordering: .acquiringAndReleasing)
        return exchanged || was == State.closed
    }
}

/// A body in one piece that passes a gate.
struct GatedBody: AsyncSequence, Sendable {
    let text: String
    let gate: SendGate

    struct AsyncIterator: AsyncIteratorProtocol {
        private let text: String
        private let gate: SendGate
        private var isGiven = false

        init(_ text: String, _ gate: SendGate) { (self.text, self.gate) = (text, gate) }

        mutating func next() async throws -> ByteBuffer? {
            if isGiven { return nil }
            guard gate.open() else { throw CancellationError() }
            isGiven = true
            return ByteBuffer(string: text)
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator(text, gate) }

    var requestBody: HTTPClientRequest.Body { .stream(self, length: .known(Int64(text.utf8.count))) }
}
