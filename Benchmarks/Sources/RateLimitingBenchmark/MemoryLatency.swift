import Determinism

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// What a table's size costs at least, where nothing else goes on meanwhile: reads of one word after the other, each in
/// another line of as much memory, where each says where the next one is.
struct MemoryLatency: ~Copyable {
    private let base: UnsafeMutableRawPointer
    private let byteCount: Int
    private var place = 0
    private static let line = 64
    private static let largePage = 2 << 20

    init(byteCount: Int, random: SeededRandom) {
        self.byteCount = byteCount / Self.line * Self.line
        base = .allocate(byteCount: byteCount, alignment: Self.largePage)
        #if os(Linux)
            // As the table asks for it.
            _ = madvise(base, byteCount, MADV_HUGEPAGE)
        #endif
        // One circle through all lines: Sattolo, "An algorithm to generate a random cyclic permutation" (1986).
        var next = Array(0..<self.byteCount / Self.line)
        for index in next.indices.reversed().dropLast() {
            next.swapAt(index, Int(random.next(below: UInt64(index))))
        }
        for (line, next) in next.enumerated() {
            base.storeBytes(of: next * Self.line, toByteOffset: line * Self.line, as: Int.self)
        }
    }

    deinit { base.deallocate() }

    mutating func step() { place = base.load(fromByteOffset: place, as: Int.self) }
    /// Somebody has to look at it, or nothing would be read.
    var isInside: Bool { place < byteCount }
}
