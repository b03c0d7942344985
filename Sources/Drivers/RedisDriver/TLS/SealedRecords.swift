/// Ciphertext that is on its way to the kernel, and how much plaintext each of its records carries.
struct SealedRecords: Sendable {
    /// Kept, and as large as it ever had to be: what it holds is between `start` and `end`.
    private var storage: [UInt8] = []
    private var (start, end) = (0, 0)
    private var records: [(end: Int, plaintext: Int)] = []

    /// Whether the kernel has taken everything.
    var isEmpty: Bool { start == end }

    /// How much plaintext the other side cannot have: a record of which a byte is missing cannot be opened.
    var unsentPlaintext: Int { records.reduce(0) { $0 + ($1.end > start ? $1.plaintext : 0) } }

    /// Adds so many bytes, which `fill` writes, and the last of which end a record with so much plaintext.
    mutating func append(_ count: Int, plaintext: Int, _ fill: (UnsafeMutableRawBufferPointer) -> Void) {
        let missing = end + count - storage.count
        if missing > 0 { storage.append(contentsOf: [UInt8](repeating: 0, count: missing)) }
        storage.withUnsafeMutableBytes { fill(UnsafeMutableRawBufferPointer(rebasing: $0[end..<(end + count)])) }
        end += count
        records.append((end, plaintext))
    }

    func withUnsent<Value>(_ body: (UnsafeRawBufferPointer) -> Value) -> Value {
        storage.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[start..<end])) }
    }

    /// The kernel has taken so many bytes.
    mutating func sent(_ count: Int) {
        start += count
        guard isEmpty else { return }
        (start, end) = (0, 0)
        records.removeAll(keepingCapacity: true)
    }
}
