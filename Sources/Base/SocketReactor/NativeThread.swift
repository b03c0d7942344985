#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A thread of the operating system, for what waits in system calls: never one of the few that run tasks.
package enum NativeThread {
    private final class Body: Sendable {
        let run: @Sendable () -> Void
        init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }

    /// Starts a detached thread. Returns 0 or the error number.
    package static func start(_ body: @escaping @Sendable () -> Void) -> Int32 {
        let context = Unmanaged.passRetained(Body(body))
        let status = create(context.toOpaque())
        if status != 0 { context.release() }
        return status
    }

    /// A thread's name, which another may have once it has ended.
    struct Identity: Hashable, Sendable { fileprivate let bits: UInt }

    /// The calling thread's.
    static var identity: Identity {
        #if canImport(Darwin)
            Identity(bits: UInt(bitPattern: pthread_self()))
        #else
            Identity(bits: UInt(pthread_self()))
        #endif
    }

    /// Stops the calling thread for a while; for threads of their own only.
    package static func pause(milliseconds: Int32) { _ = poll(nil, 0, milliseconds) }

    private static func create(_ context: UnsafeMutableRawPointer) -> Int32 {
        #if canImport(Darwin)
            var thread: pthread_t?
            let status = pthread_create(&thread, nil, enterThread, context)
            if status == 0, let thread { pthread_detach(thread) }
        #else
            var thread = pthread_t()
            let status = pthread_create(&thread, nil, enterThread, context)
            if status == 0 { pthread_detach(thread) }
        #endif
        return status
    }

    fileprivate static func run(_ context: UnsafeMutableRawPointer) {
        Unmanaged<Body>.fromOpaque(context).takeRetainedValue().run()
    }
}

#if canImport(Darwin)
    private func enterThread(_ context: UnsafeMutableRawPointer) -> UnsafeMutableRawPointer? {
        NativeThread.run(context)
        return nil
    }
#else
    private func enterThread(_ context: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
        if let context { NativeThread.run(context) }
        return nil
    }
#endif
