import Synchronization

/// A sign to stop that anyone may give; what is under way is finished.
package final class StopSign: Sendable {
    private let isUp = Atomic<Bool>(false)
    package init() {}
    package func raise() { isUp.store(true, ordering: .releasing) }
    package var isRaised: Bool { isUp.load(ordering: .acquiring) }
}

/// Several workers that share one source, each with one piece of work at a time: nothing is read ahead.
package enum Workers {
    /// - Parameters:
    ///   - next: gives the next piece of work; nil when there is no more. Never called twice at once.
    ///   - work: does it.
    package static func run<Source: Sendable, Work: Sendable>(
        _ count: Int, stop: StopSign, source: Source,
        next: @escaping @Sendable (inout Source) throws -> Work?, work: @escaping @Sendable (Work) async throws -> Void
    ) async throws {
        let shared = Shared(source)
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<count {
                group.addTask {
                    while !stop.isRaised, let piece = try shared.source.withLock({ try next(&$0) }) {
                        try await work(piece)
                    }
                }
            }
            try await group.waitForAll()
        }
    }

    private final class Shared<Source: Sendable>: Sendable {
        let source: Mutex<Source>
        init(_ source: Source) { self.source = Mutex(source) }
    }
}
