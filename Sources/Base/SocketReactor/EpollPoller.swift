#if os(Linux)
    import CEpoll

    #if canImport(Glibc)
        import Glibc
    #else
        import Musl
    #endif

    /// Linux's epoll, level-triggered: what is read in pieces is reported again as long as there is more.
    package final class EpollPoller: Poller {
        private let epoll: Int32
        private let event: Int32
        private static let batch = 256
        private static let wakeToken = UInt64.max

        /// nil when the process has no descriptors left.
        package init?() {
            epoll = pantry_epoll_create()
            guard epoll >= 0 else { return nil }
            event = pantry_eventfd()
            // From here on the object is whole: `deinit` closes both, also where this fails. Closing them here as well
            // would hit whoever has got their numbers meanwhile.
            guard event >= 0, pantry_epoll_add(epoll, event, pantry_epoll_in, Self.wakeToken) == 0 else { return nil }
        }
        deinit {
            close(event)
            close(epoll)
        }

        /// See ``Poller``.
        package func add(_ descriptor: Int32, token: UInt64, _ interest: Interest) -> Bool {
            pantry_epoll_add(epoll, descriptor, mask(interest), token) == 0
        }
        /// See ``Poller``.
        package func change(_ descriptor: Int32, token: UInt64, _ interest: Interest) {
            _ = pantry_epoll_modify(epoll, descriptor, mask(interest), token)
        }
        /// See ``Poller``.
        package func remove(_ descriptor: Int32) { _ = pantry_epoll_remove(epoll, descriptor) }
        /// See ``Poller``.
        package func wake() {
            var one: UInt64 = 1
            _ = write(event, &one, 8)
        }

        /// See ``Poller``.
        package func wait(atMost milliseconds: Int32, _ report: (UInt64, Interest) -> Void) {
            withUnsafeTemporaryAllocation(of: epoll_event.self, capacity: Self.batch) { events in
                guard let first = events.baseAddress else { return }
                let count = epoll_wait(epoll, first, Int32(Self.batch), milliseconds)
                guard count > 0 else { return }
                for index in 0..<Int(count) {
                    let token = pantry_epoll_data(first + index)
                    if token == Self.wakeToken {
                        var counter: UInt64 = 0
                        _ = read(event, &counter, 8)
                        continue
                    }
                    let mask = pantry_epoll_events(first + index)
                    var ready = Interest()
                    if mask & (pantry_epoll_in | pantry_epoll_hangup) != 0 { ready.insert(.read) }
                    if mask & pantry_epoll_out != 0 { ready.insert(.write) }
                    report(token, ready)
                }
            }
        }

        private func mask(_ interest: Interest) -> UInt32 {
            (interest.contains(.read) ? pantry_epoll_in : 0) | (interest.contains(.write) ? pantry_epoll_out : 0)
        }
    }
#endif
