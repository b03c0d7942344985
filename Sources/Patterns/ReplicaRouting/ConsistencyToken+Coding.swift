/// A token's compact form: a version, the number of entries (bit 7: overflowing), and for each its shard's name behind
/// a length, then epoch, timeline and position in variable length (LEB128, as in DWARF and Protocol Buffers).
extension ConsistencyToken {
    private static let version: UInt8 = 1

    /// Its bytes; a token of one shard has about 20.
    func encoded() -> [UInt8] {
        var bytes: [UInt8] = [Self.version, UInt8(entries.count) | (isOverflowing ? 0x80 : 0)]
        for entry in entries {
            // A name longer than its length's byte can say would shift everything behind it.
            let name = entry.shard.utf8.prefix(63)
            bytes.append(UInt8(name.count))
            bytes += name
            for number in [entry.epoch, UInt64(entry.position.timeline.number), entry.position.lsn.bytes] {
                Self.append(number, to: &bytes)
            }
        }
        return bytes
    }

    /// Reads what ``encoded()`` wrote; nil for anything else.
    init?(encoded bytes: ArraySlice<UInt8>) {
        var rest = bytes
        guard rest.popFirst() == Self.version, let head = rest.popFirst() else { return nil }
        let count = Int(head & 0x7F)
        guard count <= Self.shardLimit else { return nil }
        var entries: [Entry] = []
        for _ in 0..<count {
            guard let length = rest.popFirst(), (1...63).contains(length), rest.count >= length,
                let shard = String(validating: rest.prefix(Int(length)), as: UTF8.self)
            else { return nil }
            rest = rest.dropFirst(Int(length))
            guard let epoch = Self.number(&rest), let timeline = Self.number(&rest), timeline <= UInt32.max,
                let lsn = Self.number(&rest),
                entries.last.map({ $0.shard.utf8.lexicographicallyPrecedes(shard.utf8) }) ?? true
            else { return nil }
            entries.append(
                Entry(
                    shard: shard, epoch: epoch,
                    position: LogPosition(Timeline(UInt32(timeline)), LSN(bytes: lsn))))
        }
        guard rest.isEmpty else { return nil }
        self.init(entries: entries, isOverflowing: head & 0x80 != 0)
    }

    private static func append(_ number: UInt64, to bytes: inout [UInt8]) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(rest))
    }

    /// Only the shortest form is read: a token has one text.
    private static func number(_ bytes: inout ArraySlice<UInt8>) -> UInt64? {
        var (value, shift): (UInt64, UInt64) = (0, 0)
        while let byte = bytes.popFirst() {
            let part = UInt64(byte & 0x7F)
            guard shift < 63 || part <= 1 else { return nil }
            value |= part << shift
            if byte & 0x80 == 0 { return byte == 0 && shift > 0 ? nil : value }
            shift += 7
            guard shift < 64 else { return nil }
        }
        return nil
    }
}
