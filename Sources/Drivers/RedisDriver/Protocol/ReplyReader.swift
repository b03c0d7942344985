import CHiredis

/// hiredis' parser, which makes ``RedisValue``s directly instead of `redisReply` trees. One thread at a time.
final class ReplyReader {
    /// What is wrong with what came.
    struct Failure: Error, Sendable, Hashable {
        let reason: String
    }
    private let reader: UnsafeMutablePointer<redisReader>
    private let assembly = ReplyAssembly()
    private let replyLimit: Int
    /// Bytes that came since the last complete reply.
    private var pendingBytes = 0
    /// hiredis moves the rest of its buffer to the front for each KiB that it has read: small pieces keep that cheap.
    private static let piece = 16 << 10

    /// - Parameter replyLimit: how many bytes one reply may take.
    init(replyLimit: Int) {
        self.replyLimit = replyLimit
        guard let reader = redisReaderCreateWithFunctions(ReplyFunctions.table) else {
            preconditionFailure("out of memory")
        }
        reader.pointee.privdata = Unmanaged.passUnretained(assembly).toOpaque()
        // The buffer is kept between replies up to this size.
        reader.pointee.maxbuf = 4 * Self.piece
        self.reader = reader
    }
    deinit { redisReaderFree(reader) }

    /// Takes bytes as they came, and hands out each reply that they complete.
    func feed(_ bytes: UnsafeRawBufferPointer, _ take: (RedisValue) -> Void) throws(Failure) {
        guard let base = bytes.baseAddress else { return }
        var place = 0
        while place < bytes.count {
            let length = min(Self.piece, bytes.count - place)
            let piece = (base + place).assumingMemoryBound(to: CChar.self)
            guard redisReaderFeed(reader, piece, length) == REDIS_OK else { throw failure() }
            place += length
            pendingBytes += length
            try drain(take)
            if pendingBytes > replyLimit { throw Failure(reason: "a reply is larger than \(replyLimit) bytes") }
        }
    }

    private func drain(_ take: (RedisValue) -> Void) throws(Failure) {
        while true {
            var reply: UnsafeMutableRawPointer?
            guard redisReaderGetReply(reader, &reply) == REDIS_OK else { throw failure() }
            guard reply != nil, let value = assembly.takeFinished() else { return }
            pendingBytes = 0
            take(value)
        }
    }

    private func failure() -> Failure {
        let text = withUnsafeBytes(of: reader.pointee.errstr) { bytes in
            String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
        return Failure(reason: text.isEmpty ? "the reply could not be read" : text)
    }
}

/// The reply that is being read, and the arrays around the place where it is.
private final class ReplyAssembly {
    private struct Level {
        var elements: [RedisValue]
        var missing: Int
    }
    private var levels: [Level] = []
    private var finished: RedisValue?

    func takeFinished() -> RedisValue? {
        defer { finished = nil }
        return finished
    }

    func begin(_ count: Int) {
        if count <= 0 { return add(.array([])) }
        var level = Level(elements: [], missing: count)
        // What is announced need not come.
        level.elements.reserveCapacity(min(count, 1_024))
        levels.append(level)
    }

    func add(_ value: RedisValue) {
        var value = value
        while let last = levels.indices.last {
            levels[last].elements.append(value)
            levels[last].missing -= 1
            if levels[last].missing > 0 { return }
            value = .array(levels.removeLast().elements)
        }
        finished = value
    }
}

/// What hiredis calls for each part of a reply. It wants an object for each; all that it does with it is to compare it
/// with NULL and to hand it back.
private enum ReplyFunctions {
    nonisolated(unsafe) static let table: UnsafeMutablePointer<redisReplyObjectFunctions> = {
        let table = UnsafeMutablePointer<redisReplyObjectFunctions>.allocate(capacity: 1)
        UnsafeMutableRawPointer(table).initializeMemory(
            as: UInt8.self, repeating: 0, count: MemoryLayout<redisReplyObjectFunctions>.size)
        table.pointee.createString = { task, text, length in
            ReplyFunctions.add(task, ReplyFunctions.value(task, text, length))
        }
        table.pointee.createArray = { task, count in
            ReplyFunctions.assembly(task)?.begin(Int(count))
            return ReplyFunctions.object
        }
        table.pointee.createInteger = { task, number in ReplyFunctions.add(task, .integer(number)) }
        table.pointee.createNil = { task in ReplyFunctions.add(task, .null) }
        table.pointee.freeObject = { _ in }
        return table
    }()
    private static var object: UnsafeMutableRawPointer? { UnsafeMutableRawPointer(bitPattern: 1) }

    private static func assembly(_ task: UnsafePointer<redisReadTask>?) -> ReplyAssembly? {
        guard let data = task?.pointee.privdata else { return nil }
        return Unmanaged<ReplyAssembly>.fromOpaque(data).takeUnretainedValue()
    }

    private static func add(_ task: UnsafePointer<redisReadTask>?, _ value: RedisValue) -> UnsafeMutableRawPointer? {
        assembly(task)?.add(value)
        return object
    }

    private static func value(
        _ task: UnsafePointer<redisReadTask>?, _ text: UnsafeMutablePointer<CChar>?, _ length: Int
    ) -> RedisValue {
        let bytes = UnsafeRawBufferPointer(start: text, count: length)
        switch task?.pointee.type {
        case REDIS_REPLY_STATUS: return .status(String(decoding: bytes, as: UTF8.self))
        case REDIS_REPLY_ERROR: return .error(RedisServerError(message: String(decoding: bytes, as: UTF8.self)))
        default: return .bulk([UInt8](bytes))
        }
    }
}
