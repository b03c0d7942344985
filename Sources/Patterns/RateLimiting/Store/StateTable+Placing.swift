/// Where a newcomer goes. A decision about a key that is there never comes here.
extension StateTable {
    /// Finds a key's state, or makes room for it.
    ///
    /// **Room** is, in this order: its own place in one of its buckets; the same after somebody who is not in its own
    /// place there has moved within the bucket, or whoever is has moved to its own place in its other bucket; any free
    /// place; the place of a state that says nothing; a place that is free after somebody has moved to its other bucket
    /// (Pagh, Rodler, "Cuckoo hashing", 2004, with one step). So most keys are found at the first look, and the table
    /// fills up before anybody is forgotten. Nobody is moved to another bucket once 31 of 32 places are taken.
    ///
    /// **Without room** the one of the sixteen that loses least gives way: whose used share is the smallest, the first
    /// if several are, if it is not blocked and its share is no greater than the share that the newcomer is about to
    /// use. If none is, the newcomer shares a state with all others of its limit that find no place here. That state
    /// is as any other, blocks included.
    /// - Parameters:
    ///   - cost: what the newcomer is about to use of the limit.
    ///   - isTaken: places that other checks of the same decision have claimed.
    mutating func place(
        of hash: UInt64, cost: Int64, limit: RateLimit, now: Int64, isTaken: (Int) -> Bool
    ) -> Place {
        if let index = known(hash) { return .known(index) }
        let mark = Self.mark(hash)
        let (first, second) = (Self.bucket(mark, bucketCount), Self.otherBucket(mark, bucketCount))
        // The first bucket, or the emptier one when that is almost full, so that few keys find no room.
        let isRoomy = freeCount(in: first) >= min(2, freeCount(in: second))
        let (near, far) = isRoomy ? (first, second) : (second, first)
        if let index = ownPlace(of: mark, near, far, isTaken) { return .free(index) }
        if let index = vacancy(in: near, isTaken) ?? vacancy(in: far, isTaken) { return .free(index) }
        let least = least(of: near, far, now: now, isTaken)
        // A state that says nothing gives way to everybody, without a loss.
        if let least, least.share == 0 { return .occupied(least.index) }
        if !isFull, let index = vacate(near, isTaken) ?? vacate(far, isTaken) { return .free(index) }
        if let least, least.share <= Self.share(of: cost, in: limit.nanoseconds.capacity) {
            return .occupied(least.index)
        }
        return shared(limit, now: now, isTaken)
    }

    // MARK: - Moving

    /// The newcomer's own place in one of its buckets, if it is free or can be had without anybody losing theirs.
    private mutating func ownPlace(of mark: UInt64, _ near: Int, _ far: Int, _ isTaken: (Int) -> Bool) -> Int? {
        let offset = Self.preferred(mark)
        let places = (near &* Self.width &+ offset, far &* Self.width &+ offset)
        if isFree(places.0, isTaken) { return places.0 }
        if isFree(places.1, isTaken) { return places.1 }
        if stepsAside(places.0, isTaken) { return places.0 }
        if stepsAside(places.1, isTaken) { return places.1 }
        if isFull { return nil }
        if goesOver(places.0, isTaken) { return places.0 }
        return goesOver(places.1, isTaken) ? places.1 : nil
    }

    /// Moves whoever is at a place that is not its own to a free place of the same bucket.
    private mutating func stepsAside(_ index: Int, _ isTaken: (Int) -> Bool) -> Bool {
        let mark = Self.mark(marks(index).pointee)
        guard Self.preferred(mark) != index % Self.width, !isTaken(index),
            let free = vacancy(in: index / Self.width, isTaken)
        else { return false }
        move(index, to: free)
        return true
    }

    /// Moves whoever is at its own place to its own place in its other bucket.
    private mutating func goesOver(_ index: Int, _ isTaken: (Int) -> Bool) -> Bool {
        let mark = Self.mark(marks(index).pointee)
        let offset = Self.preferred(mark)
        guard offset == index % Self.width, !isTaken(index), let bucket = otherBucket(mark, than: index / Self.width)
        else { return false }
        let place = bucket &* Self.width &+ offset
        guard isFree(place, isTaken) || stepsAside(place, isTaken) else { return false }
        move(index, to: place)
        return true
    }

    /// Frees a place of a full bucket by moving somebody to a free place of its other bucket.
    private mutating func vacate(_ bucket: Int, _ isTaken: (Int) -> Bool) -> Int? {
        for index in bucket &* Self.width..<(bucket &+ 1) &* Self.width where !isTaken(index) {
            guard let other = otherBucket(Self.mark(marks(index).pointee), than: bucket),
                let free = vacancy(in: other, isTaken)
            else { continue }
            move(index, to: free)
            return index
        }
        return nil
    }

    private mutating func move(_ index: Int, to free: Int) {
        marks(free).pointee = marks(index).pointee
        words(free).update(from: words(index), count: 4)
        marks(index).pointee = 0
    }

    /// The other bucket of a key that is in this one; nil if both are the same.
    private func otherBucket(_ mark: UInt64, than bucket: Int) -> Int? {
        let (first, second) = (Self.bucket(mark, bucketCount), Self.otherBucket(mark, bucketCount))
        if first == second { return nil }
        return first == bucket ? second : first
    }

    // MARK: - Looking

    /// Whether so few places are free that it is not worth looking for them in other buckets: under a flood of names
    /// each would look at sixteen in vain.
    private var isFull: Bool { count &* 32 > bucketCount &* Self.width &* 31 }

    private func isFree(_ index: Int, _ isTaken: (Int) -> Bool) -> Bool {
        marks(index).pointee == 0 && !isTaken(index)
    }

    private func freeCount(in bucket: Int) -> Int {
        let marks = bucketMarks(bucket)
        return (0..<Self.width).count { marks[$0] == 0 }
    }

    private func vacancy(in bucket: Int, _ isTaken: (Int) -> Bool) -> Int? {
        (bucket &* Self.width..<(bucket &+ 1) &* Self.width).first { isFree($0, isTaken) }
    }

    private func least(
        of near: Int, _ far: Int, now: Int64, _ isTaken: (Int) -> Bool
    ) -> (index: Int, share: Int64)? {
        var least: (index: Int, share: Int64)?
        // Places twice, if both buckets are the same, change nothing.
        for place in 0..<2 * Self.width {
            let index = (place < Self.width ? near : far) &* Self.width &+ place % Self.width
            guard !isTaken(index) else { continue }
            let share = usedShare(at: index, now: now)
            if share < least?.share ?? .max { least = (index, share) }
        }
        return least
    }

    private func shared(_ limit: RateLimit, now: Int64, _ isTaken: (Int) -> Bool) -> Place {
        let mark = Self.mark(limit.nameHash)
        for bucket in bucketCount..<bucketCount + Self.overflowBuckets {
            if let index = find(mark, in: bucket) { return .shared(index, isKnown: true) }
        }
        for index in bucketCount * Self.width..<(bucketCount + Self.overflowBuckets) * Self.width
        where !isTaken(index) && (marks(index).pointee == 0 || usedShare(at: index, now: now) == 0) {
            return .shared(index, isKnown: false)
        }
        // More limits overflow than there are places: they share, too.
        let places = UInt64(Self.overflowBuckets * Self.width)
        return .shared(bucketCount * Self.width + Int(limit.nameHash % places), isKnown: true)
    }
}
