#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// Zeroed memory that the system hands out as it is used. A large piece asks for large pages: at random places of a
/// table most of a decision's time would be spent on finding the page.
final class TableMemory {
    let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private static let largePage = 2 << 20

    init(byteCount: Int) {
        self.byteCount = byteCount
        let mapped = mmap(nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        guard let mapped, mapped != MAP_FAILED else { preconditionFailure("no memory for \(byteCount) bytes") }
        base = mapped
        #if os(Linux)
            // A hint: where it is refused, small pages do.
            if byteCount >= 16 * Self.largePage { _ = madvise(mapped, byteCount, MADV_HUGEPAGE) }
        #endif
    }

    deinit { munmap(base, byteCount) }
}
