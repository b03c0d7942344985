import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// `poll(2)`, for systems without epoll. Its cost grows with the number of descriptors; a driver has few.
package final class PollPoller: Poller {
    private struct Watched {
        let token: UInt64
        var interest: Interest
    }
    private let watched = Mutex<[Int32: Watched]>([:])
    private let (readEnd, writeEnd): (Int32, Int32)

    /// nil when the process has no descriptors left.
    package init?() {
        var ends: (Int32, Int32) = (-1, -1)
        let status = withUnsafeMutableBytes(of: &ends) { bytes in
            bytes.bindMemory(to: Int32.self).baseAddress.map { pipe($0) } ?? -1
        }
        guard status == 0 else { return nil }
        (readEnd, writeEnd) = ends
        for end in [readEnd, writeEnd] {
            _ = fcntl(end, F_SETFL, fcntl(end, F_GETFL) | O_NONBLOCK)
            _ = fcntl(end, F_SETFD, FD_CLOEXEC)
        }
    }
    deinit {
        close(readEnd)
        close(writeEnd)
    }

    /// See ``Poller``.
    package func add(_ descriptor: Int32, token: UInt64, _ interest: Interest) -> Bool {
        watched.withLock { $0[descriptor] = Watched(token: token, interest: interest) }
        wake()
        return true
    }
    /// See ``Poller``.
    package func change(_ descriptor: Int32, token: UInt64, _ interest: Interest) {
        watched.withLock { watched in
            if watched[descriptor]?.token == token { watched[descriptor]?.interest = interest }
        }
        wake()
    }
    /// See ``Poller``.
    package func remove(_ descriptor: Int32) { watched.withLock { $0[descriptor] = nil } }
    /// See ``Poller``.
    package func wake() {
        var byte: UInt8 = 1
        _ = write(writeEnd, &byte, 1)
    }

    /// See ``Poller``.
    package func wait(atMost milliseconds: Int32, _ report: (UInt64, Interest) -> Void) {
        var descriptors = [pollfd(fd: readEnd, events: Int16(POLLIN), revents: 0)]
        var tokens: [UInt64] = [0]
        watched.withLock { watched in
            for (descriptor, entry) in watched {
                let read = entry.interest.contains(.read) ? Int16(POLLIN) : 0
                let write = entry.interest.contains(.write) ? Int16(POLLOUT) : 0
                descriptors.append(pollfd(fd: descriptor, events: read | write, revents: 0))
                tokens.append(entry.token)
            }
        }
        guard poll(&descriptors, nfds_t(descriptors.count), milliseconds) > 0 else { return }
        if descriptors[0].revents != 0 { drain() }
        for (entry, token) in zip(descriptors, tokens).dropFirst() where entry.revents != 0 {
            var ready = Interest()
            if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 { ready.insert(.read) }
            if entry.revents & Int16(POLLOUT) != 0 { ready.insert(.write) }
            report(token, ready)
        }
    }

    private func drain() {
        var bytes = [UInt8](repeating: 0, count: 256)
        while read(readEnd, &bytes, bytes.count) > 0 {}
    }
}
