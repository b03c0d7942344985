import Determinism
import Foundation
import Synchronization

/// Ports of 127.0.0.1 for servers that tests start.
package enum LoopbackPort {
    private static let taken = Mutex<Set<Int>>([])

    /// A port that nobody listens on and that this process has not handed out before. Below the range that the system
    /// takes outgoing connections' ports from, so that a server that is down for a moment finds its port free again.
    package static func next() throws(SpawnError) -> Int {
        let random = SystemRandom()
        for _ in 0..<1_000 {
            let port = 12_000 + Int(random.next(below: 20_000))
            if taken.withLock({ $0.insert(port).inserted }), isFree(port) { return port }
        }
        throw SpawnError(description: "no port of 127.0.0.1 between 12000 and 32000 is free")
    }

    private static func isFree(_ port: Int) -> Bool {
        guard let descriptor = try? LoopbackSocket.listen(port: port) else { return false }
        close(descriptor)
        return true
    }
}
