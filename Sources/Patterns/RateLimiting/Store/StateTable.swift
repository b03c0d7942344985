import CPrefetch

/// States of keys in a fixed piece of memory: buckets of eight places, each key in one of two (Azar, Broder, Karlin,
/// Upfal, "Balanced allocations", 1994). A bucket is one cache line of fingerprints and 48 bytes for each state: 56
/// bytes for a key. Nothing is allocated after the beginning and nothing is swept: a state that says nothing any more
/// is a free place.
///
/// A key has a place of its own in each of its buckets, which is looked at first. A newcomer may have others make room
/// for it: see ``place(of:cost:limit:now:isTaken:)``.
///
/// Not safe by itself: used under a shard's lock.
struct StateTable: ~Copyable, @unchecked Sendable {
    static let width = 8
    static let bytesPerKey = 56
    /// Places for limits whose keys find none: two buckets.
    static let overflowBuckets = 2
    private static let bucketBytes = bytesPerKey * width

    let bucketCount: Int
    private let base: UnsafeMutableRawPointer
    /// Places in use, some of them by states that say nothing any more.
    private(set) var count = 0
    /// States that gave way.
    private(set) var evictionCount = 0
    /// Decisions by a shared state.
    var sharedDecisionCount = 0

    /// - Parameter base: so many zeroed bytes as ``byteCount(_:)`` says, aligned to 64, that outlive the table.
    init(bucketCount: Int, at base: UnsafeMutableRawPointer) {
        (self.bucketCount, self.base) = (bucketCount, base)
    }

    /// What a table of so many buckets takes.
    static func byteCount(_ bucketCount: Int) -> Int { (bucketCount + overflowBuckets) * bucketBytes }

    /// Where a key's state is, or would be.
    enum Place {
        /// It is there.
        case known(Int)
        /// It is not; here is room for it.
        case free(Int)
        /// It is not; what is here would give way to it.
        case occupied(Int)
        /// It is not, and nothing gives way: the shared state of its limit, and whether that is there.
        case shared(Int, isKnown: Bool)

        var index: Int {
            switch self {
            case .known(let index), .free(let index), .occupied(let index), .shared(let index, _): index
            }
        }
    }

    /// The place of a key that is there: what most decisions need, and nothing more.
    @inline(__always)
    func known(_ hash: UInt64) -> Int? {
        let mark = Self.mark(hash)
        let (first, second) = (Self.bucket(hash, bucketCount), Self.otherBucket(hash, bucketCount))
        let preferred = Self.preferred(mark)
        if bucketMarks(first)[preferred] & ~3 == mark { return first &* Self.width &+ preferred }
        if bucketMarks(second)[preferred] & ~3 == mark { return second &* Self.width &+ preferred }
        return find(mark, in: first) ?? find(mark, in: second)
    }

    /// Asks for the memory that ``known(_:)`` will look at, before the clock is read and the lock is taken: at a random
    /// place of a large table, waiting for memory is most of a decision. Touches nothing, and needs no lock.
    @inline(__always)
    static func prefetch(_ hash: UInt64, bucketCount: Int, at base: UnsafeMutableRawPointer) {
        let place = Self.preferred(mark(hash))
        let first = base + (bucket(hash, bucketCount) &* bucketBytes)
        pantry_prefetch(first)
        let state = first + (64 &+ place &* 48)
        pantry_prefetch(state)
        pantry_prefetch(state + 47)
        let second = base + (otherBucket(hash, bucketCount) &* bucketBytes)
        pantry_prefetch(second)
        let other = second + (64 &+ place &* 48)
        pantry_prefetch(other)
        pantry_prefetch(other + 47)
    }

    /// What a state would lose by being forgotten, in 2^16ths of its limit; the greatest number if it is blocked.
    func usedShare(at index: Int, now: Int64) -> Int64 {
        var state = load(index)
        if state.blockedUntil > now { return .max }
        LimiterMachine.age(&state, now: now)
        let tokens = LimiterMachine.tokensInUse(state, now: now)
        return Self.share(of: tokens, in: state.capacity)
    }

    /// In 2^16ths, rounded up.
    static func share(of tokens: Int64, in capacity: Int64) -> Int64 {
        (min(tokens, 2 * capacity) << 16).dividedUp(by: capacity)
    }

    /// The state at a place that is in use.
    @inline(__always)
    func load(_ index: Int) -> RateLimitState {
        let words = self.words(index)
        var state = RateLimitState()
        state.kind = LimitParameters.Kind(rawValue: UInt8(truncatingIfNeeded: marks(index).pointee & 3))
        (state.stamp, state.used, state.second) = (words[0], words[1], words[2])
        (state.rate, state.capacity, state.blockedUntil) = (words[3], words[4], words[5])
        return state
    }

    /// Writes a state to a place that was found for its key; one that says nothing leaves it.
    @inline(__always)
    mutating func store(_ state: RateLimitState, at place: Place, hash: UInt64, limitHash: UInt64) {
        switch place {
        case .known(let index):
            if state.saysNothing {
                marks(index).pointee = 0
                count -= 1
            } else {
                write(state, at: index, hash)
            }
        case .free(let index):
            guard !state.saysNothing else { return }
            count += 1
            write(state, at: index, hash)
        case .occupied(let index):
            guard !state.saysNothing else { return }
            evictionCount += 1
            write(state, at: index, hash)
        case .shared(let index, _):
            write(state, at: index, limitHash)
        }
    }

    @inline(__always)
    func write(_ state: RateLimitState, at index: Int, _ hash: UInt64) {
        marks(index).pointee = Self.mark(hash) | UInt64(state.kind?.rawValue ?? 0)
        let words = self.words(index)
        (words[0], words[1], words[2]) = (state.stamp, state.used, state.second)
        (words[3], words[4], words[5]) = (state.rate, state.capacity, state.blockedUntil)
    }

    /// The place that the key prefers is looked at first: the processor then fetches the state from memory beside the
    /// mark instead of after it. One comparison after the other: eight bytes that were just written cannot be read back
    /// as a part of 64 without waiting for the cache.
    @inline(__always)
    func find(_ mark: UInt64, in bucket: Int) -> Int? {
        let marks = bucketMarks(bucket)
        let preferred = Self.preferred(mark)
        if marks[preferred] & ~3 == mark { return bucket &* Self.width &+ preferred }
        for offset in 0..<Self.width where marks[offset] & ~3 == mark { return bucket &* Self.width &+ offset }
        return nil
    }

    @inline(__always)
    func bucketMarks(_ bucket: Int) -> UnsafeMutablePointer<UInt64> {
        base.advanced(by: bucket &* Self.bucketBytes).assumingMemoryBound(to: UInt64.self)
    }

    /// A key's own place in a bucket.
    @inline(__always)
    static func preferred(_ mark: UInt64) -> Int { Int(truncatingIfNeeded: mark >> 2 & 7) }

    @inline(__always)
    func marks(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        let (bucket, offset) = (index / Self.width, index % Self.width)
        return base.advanced(by: bucket &* Self.bucketBytes &+ offset &* 8).assumingMemoryBound(to: UInt64.self)
    }

    @inline(__always)
    func words(_ index: Int) -> UnsafeMutablePointer<Int64> {
        let (bucket, offset) = (index / Self.width, index % Self.width)
        return base.advanced(by: bucket &* Self.bucketBytes &+ 64 &+ offset &* 48)
            .assumingMemoryBound(to: Int64.self)
    }

    /// 62 bits of the hash, never 0; the two lowest bits are the algorithm of the state, never 0 in a used place.
    @inline(__always)
    static func mark(_ hash: UInt64) -> UInt64 { hash & ~3 }

    /// Made of the mark alone, so that whoever is here can be moved without its name.
    @inline(__always)
    static func bucket(_ hash: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: ((mark(hash) & 0xFFFF_FFFF) &* UInt64(truncatingIfNeeded: count)) >> 32)
    }

    @inline(__always)
    static func otherBucket(_ hash: UInt64, _ count: Int) -> Int {
        bucket((mark(hash) &* 0x9E37_79B9_7F4A_7C15) >> 32, count)
    }
}
