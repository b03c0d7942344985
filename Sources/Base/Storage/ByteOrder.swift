#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

extension String {
    /// Compares the UTF-8 bytes, as databases do: negative when this text comes first, 0 when both are the same bytes.
    ///
    /// Swift's own comparison is by canonical equivalence, and a walk over two UTF-8 views is many times slower than
    /// `memcmp`, which every native string allows.
    func byteOrder(to other: String) -> Int {
        let fast = utf8.withContiguousStorageIfAvailable { mine in
            other.utf8.withContiguousStorageIfAvailable { theirs in Self.order(mine, theirs) }
        }
        if let fast = fast ?? nil { return fast }
        if utf8.elementsEqual(other.utf8) { return 0 }
        return utf8.lexicographicallyPrecedes(other.utf8) ? -1 : 1
    }

    private static func order(_ a: UnsafeBufferPointer<UInt8>, _ b: UnsafeBufferPointer<UInt8>) -> Int {
        let common = Swift.min(a.count, b.count)
        if common > 0, let a = a.baseAddress, let b = b.baseAddress {
            let order = memcmp(a, b, common)
            if order != 0 { return Int(order) }
        }
        return a.count - b.count
    }
}
