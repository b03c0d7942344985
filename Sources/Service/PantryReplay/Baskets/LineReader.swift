/// The lines of a text that comes in pieces, without their ends. Holds one piece and one line at a time.
struct LineReader: Sendable {
    struct Line: Sendable, Hashable {
        /// From 1.
        var number: Int
        var bytes: [UInt8]
    }
    /// A longer line than this is no line of a basket file.
    static let longestLine = 1 << 20

    private let next: @Sendable () async throws(BasketFileError) -> [UInt8]
    private var piece: [UInt8] = []
    private var position = 0
    private var number = 0
    private var isAtEnd = false
    private var ahead: Line?

    /// - Parameter next: gives the next piece; an empty one is the end.
    init(_ next: @escaping @Sendable () async throws(BasketFileError) -> [UInt8]) { self.next = next }

    /// The next line; nil at the end.
    mutating func line() async throws(BasketFileError) -> Line? {
        if let line = ahead {
            ahead = nil
            return line
        }
        var bytes: [UInt8] = []
        while true {
            if position == piece.count {
                if !isAtEnd {
                    (piece, position) = (try await next(), 0)
                    isAtEnd = piece.isEmpty
                }
                if isAtEnd { return bytes.isEmpty ? nil : finished(bytes) }
            }
            let rest = piece[position...]
            let end = rest.firstIndex(of: 10)
            bytes.append(contentsOf: rest[..<(end ?? rest.endIndex)])
            position = end.map { $0 + 1 } ?? piece.count
            guard bytes.count <= Self.longestLine else {
                throw BasketFileError("line \(number + 1) is longer than \(Self.longestLine) bytes")
            }
            if end != nil { return finished(bytes) }
        }
    }

    /// Has the line come again.
    mutating func unread(_ line: Line) { ahead = line }

    private mutating func finished(_ bytes: [UInt8]) -> Line {
        var bytes = bytes
        number += 1
        if bytes.last == 13 { bytes.removeLast() }
        if number == 1, bytes.starts(with: [0xEF, 0xBB, 0xBF]) { bytes.removeFirst(3) }
        return Line(number: number, bytes: bytes)
    }
}
