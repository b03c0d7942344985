import CPrefetch

/// States of keys in a fixed piece of memory: buckets of eight places, each key in one of two (Azar, Broder, Karlin,
/// Upfal, "Balanced allocations", 1994). A bucket is one cache line of fingerprints and half a line for each state: 40
/// bytes for a key. What states are counted by is kept once for all of them (``LimitNames``). Nothing else is allocated
/// after the beginning and nothing is swept: a state that says nothing any more is a free place.
///
/// A key has a place of its own in each of its buckets, which is looked at first. A newcomer may have others make room
/// for it: see ``place(of:cost:limit:now:isTaken:)``.
///
/// Not safe by itself: used under a shard's lock.
struct StateTable: ~Copyable, @unchecked Sendable {
    static let width = 8
    static let bytesPerKey = stateBytes + 8
    private static let stateBytes = 32
    /// Places for limits whose keys find none: two buckets.
    static let overflowBuckets = 2
    private static let bucketBytes = bytesPerKey * width

    /// The most buckets: each place may need a name of its own.
    static let greatestBucketCount = LimitNames.limit / width - overflowBuckets

    let bucketCount: Int
    private let base: UnsafeMutableRawPointer
    private var names = LimitNames()
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
        let (first, second) = (Self.bucket(mark, bucketCount), Self.otherBucket(mark, bucketCount))
        let preferred = Self.preferred(mark)
        if bucketMarks(first)[preferred] & Self.markBits == mark { return first &* Self.width &+ preferred }
        if bucketMarks(second)[preferred] & Self.markBits == mark { return second &* Self.width &+ preferred }
        return find(mark, in: first) ?? find(mark, in: second)
    }

    /// Asks for the memory that ``known(_:)`` will look at, before the clock is read and the lock is taken: at a random
    /// place of a large table, waiting for memory is most of a decision. Touches nothing, and needs no lock.
    @inline(__always)
    static func prefetch(_ hash: UInt64, bucketCount: Int, at base: UnsafeMutableRawPointer) {
        let mark = mark(hash)
        let state = 64 &+ preferred(mark) &* stateBytes
        let first = base + (bucket(mark, bucketCount) &* bucketBytes)
        pantry_prefetch(first)
        pantry_prefetch(first + state)
        let second = base + (otherBucket(mark, bucketCount) &* bucketBytes)
        pantry_prefetch(second)
        pantry_prefetch(second + state)
    }

    /// What a state would lose by being forgotten, in 2^16ths of its limit; the greatest number if it is blocked.
    func usedShare(at index: Int, now: Int64) -> Int64 {
        var state = load(index)
        guard state.kind != nil else { return 0 }
        if state.blockedUntil > now { return .max }
        LimiterMachine.age(&state, now: now)
        let tokens = LimiterMachine.tokensInUse(state, now: now)
        return Self.share(of: tokens, in: state.capacity)
    }

    /// In 2^16ths, rounded up.
    static func share(of tokens: Int64, in capacity: Int64) -> Int64 {
        (min(tokens, 2 * capacity) << 16).dividedUp(by: capacity)
    }

    /// The state at a place; that of a key that has never come if the place is free.
    @inline(__always)
    func load(_ index: Int) -> RateLimitState {
        var state = RateLimitState()
        let name = name(index)
        guard name != 0 else { return state }
        let (numbers, words) = (names[name], words(index))
        (state.kind, state.rate, state.capacity) = (numbers.kind, numbers.rate, numbers.capacity)
        (state.stamp, state.used, state.second, state.blockedUntil) = (words[0], words[1], words[2], words[3])
        return state
    }

    /// Writes a state to a place that was found for its key; one that says nothing leaves it.
    @inline(__always)
    mutating func store(_ state: RateLimitState, at place: Place, hash: UInt64, limitHash: UInt64) {
        switch place {
        case .known(let index):
            if state.saysNothing { remove(index) } else { write(state, at: index, hash) }
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

    private mutating func remove(_ index: Int) {
        // Another check of the same decision may have been about the same state.
        guard name(index) != 0 else { return }
        names.release(name(index))
        marks(index).pointee = 0
        count -= 1
    }

    private mutating func write(_ state: RateLimitState, at index: Int, _ hash: UInt64) {
        guard let kind = state.kind else { return }
        let numbers = LimitNames.Numbers(kind: kind, rate: state.rate, capacity: state.capacity)
        var name = name(index)
        if name == 0 || names[name] != numbers {
            // First released: there may be as many names as places.
            if name != 0 { names.release(name) }
            name = names.take(numbers)
        }
        marks(index).pointee = Self.mark(hash) | UInt64(name)
        let words = self.words(index)
        (words[0], words[1], words[2], words[3]) = (state.stamp, state.used, state.second, state.blockedUntil)
    }

    /// Writes what a charge changes of a state that is here. The mark's line stays as it was, and need not go back to
    /// memory.
    @inline(__always)
    func charge(_ state: RateLimitState, at index: Int) {
        let words = self.words(index)
        (words[0], words[1], words[2]) = (state.stamp, state.used, state.second)
    }

    /// The place that the key prefers is looked at first: the processor then fetches the state from memory beside the
    /// mark instead of after it. One comparison after the other: eight bytes that were just written cannot be read back
    /// as a part of 64 without waiting for the cache.
    @inline(__always)
    func find(_ mark: UInt64, in bucket: Int) -> Int? {
        let marks = bucketMarks(bucket)
        let preferred = Self.preferred(mark)
        if marks[preferred] & Self.markBits == mark { return bucket &* Self.width &+ preferred }
        for offset in 0..<Self.width where marks[offset] & Self.markBits == mark {
            return bucket &* Self.width &+ offset
        }
        return nil
    }

    @inline(__always)
    func bucketMarks(_ bucket: Int) -> UnsafeMutablePointer<UInt64> {
        base.advanced(by: bucket &* Self.bucketBytes).assumingMemoryBound(to: UInt64.self)
    }

    /// A key's own place in a bucket.
    @inline(__always)
    static func preferred(_ mark: UInt64) -> Int { Int(truncatingIfNeeded: mark >> 48 & 7) }

    @inline(__always)
    func marks(_ index: Int) -> UnsafeMutablePointer<UInt64> {
        let (bucket, offset) = (index / Self.width, index % Self.width)
        return base.advanced(by: bucket &* Self.bucketBytes &+ offset &* 8).assumingMemoryBound(to: UInt64.self)
    }

    @inline(__always)
    func words(_ index: Int) -> UnsafeMutablePointer<Int64> {
        let (bucket, offset) = (index / Self.width, index % Self.width)
        return base.advanced(by: bucket &* Self.bucketBytes &+ 64 &+ offset &* Self.stateBytes)
            .assumingMemoryBound(to: Int64.self)
    }

    /// Of what the state at a place is counted by; 0 if the place is free.
    @inline(__always)
    private func name(_ index: Int) -> LimitNames.Name {
        LimitNames.Name(truncatingIfNeeded: marks(index).pointee)
    }

    private static let markBits: UInt64 = ~0xFFFF

    /// 48 bits of the hash, never 0; the 16 below are the name of the state's numbers, never 0 in a used place. Two
    /// keys with the same mark share a state: among a million there is such a pair in one process of 500, among ten
    /// thousand in one of 5 million.
    @inline(__always)
    static func mark(_ hash: UInt64) -> UInt64 {
        let mark = hash & markBits
        return mark == 0 ? 1 << 63 : mark
    }

    /// Made of the mark alone, so that whoever is here can be moved without its name.
    @inline(__always)
    static func bucket(_ mark: UInt64, _ count: Int) -> Int { scaled(mark >> 16, count) }

    @inline(__always)
    static func otherBucket(_ mark: UInt64, _ count: Int) -> Int {
        scaled((mark &* 0x9E37_79B9_7F4A_7C15) >> 32, count)
    }

    /// The lower 32 bits as a part of `count`.
    @inline(__always)
    private static func scaled(_ bits: UInt64, _ count: Int) -> Int {
        Int(truncatingIfNeeded: ((bits & 0xFFFF_FFFF) &* UInt64(truncatingIfNeeded: count)) >> 32)
    }
}
