import Determinism
import Foundation
import Synchronization

/// What a proxy cuts at.
struct TCPProxyTrap: Sendable {
    let mark: [UInt8]
    let point: TCPProxy.CutPoint
    /// What lets a message with the mark pass, uncounted.
    let exception: [UInt8]?
    /// How many messages with the mark are let through before.
    var passes: Int
}

/// The thread behind a ``TCPProxy``.
final class TCPProxyLoop: Sendable {
    struct Controls {
        var target: Int
        var delay = Duration.zero
        var isPaused = false
        var isRefusing = false
        var isClosed = false
        /// How often all connections were to be reset.
        var resets = 0
        var trap: TCPProxyTrap?
        var counts = Counts()
    }
    struct Counts {
        var connections = 0
        var accepted = 0
        var cuts = 0
    }
    private let controls: Mutex<Controls>
    private let listener: Int32
    private let wakeReader: Int32
    private let wakeWriter: Int32
    private let time = SystemTime()

    init(listener: Int32, target: Int) throws(SpawnError) {
        self.listener = listener
        controls = Mutex(Controls(target: target))
        guard let (reader, writer) = LoopbackSocket.pipe() else {
            Foundation.close(listener)
            throw SpawnError(description: "no pipe: \(String(cString: strerror(errno)))")
        }
        for descriptor in [listener, reader, writer] { LoopbackSocket.setNonBlocking(descriptor) }
        (wakeReader, wakeWriter) = (reader, writer)
    }

    deinit {
        Foundation.close(wakeReader)
        Foundation.close(wakeWriter)
    }

    var counts: Counts { controls.withLock { $0.counts } }

    /// Changes what is to happen, and wakes the thread.
    func change(_ body: (inout Controls) -> Void) {
        controls.withLock { body(&$0) }
        var byte: UInt8 = 1
        _ = write(wakeWriter, &byte, 1)
    }

    /// - Returns: whether there was none any more.
    func removeTrap() -> Bool {
        controls.withLock { controls in
            defer { controls.trap = nil }
            return controls.trap == nil
        }
    }

    func run() {
        var links: [TCPProxyLink] = []
        var resets = 0
        while true {
            let now = controls.withLock { $0 }
            if now.resets != resets || now.isClosed {
                // Counted out before anybody can notice.
                controls.withLock { $0.counts.connections = 0 }
                for link in links { link.reset() }
                links = []
                resets = now.resets
            }
            if now.isClosed { break }
            var wishes = [pollfd(fd: wakeReader, events: Int16(POLLIN), revents: 0)]
            wishes.append(pollfd(fd: listener, events: now.isPaused ? 0 : Int16(POLLIN), revents: 0))
            for link in links { wishes += link.wishes(isPaused: now.isPaused, at: time.instant()) }
            poll(&wishes, nfds_t(wishes.count), timeout(links, now))
            drainWakes()
            // What was asked for meanwhile comes before any byte.
            let latest = controls.withLock { $0 }
            guard latest.resets == resets, !latest.isClosed, !latest.isPaused else { continue }
            for link in links { serve(link, latest) }
            links.removeAll { $0.isOver }
            if wishes[1].revents != 0 { accept(into: &links, latest) }
            let count = links.count
            controls.withLock { $0.counts.connections = count }
        }
        Foundation.close(listener)
    }

    /// Milliseconds until the earliest delayed bytes are due, or -1 for no end.
    private func timeout(_ links: [TCPProxyLink], _ controls: Controls) -> Int32 {
        guard !controls.isPaused, let due = links.compactMap(\.earliestDue).min() else { return -1 }
        // Rounded up: a thread that wakes too early would only ask again.
        return Int32(clamping: max(0, ((due - time.instant()).inMicroseconds + 999) / 1_000))
    }

    private func drainWakes() {
        var bytes = [UInt8](repeating: 0, count: 64)
        while read(wakeReader, &bytes, bytes.count) > 0 {}
    }

    private func accept(into links: inout [TCPProxyLink], _ latest: Controls) {
        while let client = LoopbackSocket.accept(listener) {
            controls.withLock { $0.counts.accepted += 1 }
            guard !latest.isRefusing, let server = LoopbackSocket.connect(port: latest.target) else {
                TCPProxyLink.reset(client)
                continue
            }
            links.append(
                TCPProxyLink(client: client, server: server) { [self] in controls.withLock { $0.counts.cuts += 1 } })
        }
    }

    private func serve(_ link: TCPProxyLink, _ latest: Controls) {
        link.receive(due: time.instant() + latest.delay) { bytes in
            controls.withLock { controls in
                guard let trap = controls.trap, link.meets(trap, in: bytes) else { return nil }
                guard trap.passes == 0 else {
                    controls.trap?.passes -= 1
                    return nil
                }
                controls.trap = nil
                return trap
            }
        }
        link.deliver(at: time.instant())
    }
}
