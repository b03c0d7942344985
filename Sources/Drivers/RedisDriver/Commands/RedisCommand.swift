/// One command with its arguments, kept as it goes over the wire: each argument with its length before it. No text is
/// ever parsed, so that an argument cannot become another one, whatever bytes it holds.
///
///     RedisCommand("SET", "greeting", [UInt8]("hello".utf8), "PX", 1_500)
///
/// Its descriptions show the name and the number of arguments, never what they hold.
public struct RedisCommand: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable
{
    /// `$3\r\nGET\r\n…`: everything but the line with the number of parts.
    private(set) var body: [UInt8]
    /// How many parts there are, the name included.
    private(set) var partCount = 0
    private let nameStart: Int
    private let nameEnd: Int

    /// A command of that name without arguments.
    public init(_ name: String) { self.init(name, capacity: 64) }

    /// - Parameter capacity: about how many bytes it will have.
    init(_ name: String, capacity: Int) {
        body = []
        body.reserveCapacity(capacity)
        let utf8 = name.utf8
        nameStart = 3 + Self.digitCount(utf8.count)
        nameEnd = nameStart + utf8.count
        append(utf8: utf8)
    }

    /// A command with arguments.
    public init(_ name: String, _ arguments: any RedisArgument...) {
        self.init(name)
        for argument in arguments { argument.append(to: &self) }
    }

    /// A command with a list of arguments.
    public init(_ name: String, arguments: [any RedisArgument]) {
        self.init(name)
        for argument in arguments { argument.append(to: &self) }
    }

    /// Adds an argument.
    public mutating func append(_ argument: some RedisArgument) { argument.append(to: &self) }

    /// Adds each element as an argument.
    public mutating func append(contentsOf arguments: some Sequence<some RedisArgument>) {
        for argument in arguments { argument.append(to: &self) }
    }

    /// Its name, as it was given.
    public var name: String { String(decoding: body[nameStart..<nameEnd], as: UTF8.self) }
    /// How many arguments it has.
    public var argumentCount: Int { partCount - 1 }
    /// The name and the number of arguments.
    public var description: String { "\(name) with \(argumentCount) argument(s)" }
    /// The name and the number of arguments.
    public var debugDescription: String { description }
    /// The name and the number of arguments.
    public var customMirror: Mirror { Mirror(self, children: ["name": name, "argumentCount": argumentCount]) }

    // MARK: the wire

    var nameBytes: ArraySlice<UInt8> { body[nameStart..<nameEnd] }

    /// How many bytes it takes on the wire.
    var byteCount: Int { 3 + Self.digitCount(partCount) + body.count }

    /// Appends what goes over the wire.
    func encode(into output: inout [UInt8]) {
        output.append(UInt8(ascii: "*"))
        Self.appendDigits(partCount, to: &output)
        output.append(0x0D)
        output.append(0x0A)
        output.append(contentsOf: body)
    }

    mutating func append(utf8: some Collection<UInt8>) {
        appendLength(utf8.count)
        body.append(contentsOf: utf8)
        endPart()
    }

    mutating func append(bytes: [UInt8]) {
        appendLength(bytes.count)
        body.append(contentsOf: bytes)
        endPart()
    }

    mutating func append(number: Int64) {
        let digits = Self.digitCount(number.magnitude) + (number < 0 ? 1 : 0)
        // Two digits of length, twenty of number, five of what is around them.
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 32) { part in
            var place = part.count
            Self.write(0x0A, before: &place, part)
            Self.write(0x0D, before: &place, part)
            Self.writeDigits(number.magnitude, before: &place, part)
            if number < 0 { Self.write(UInt8(ascii: "-"), before: &place, part) }
            Self.write(0x0A, before: &place, part)
            Self.write(0x0D, before: &place, part)
            Self.writeDigits(UInt64(digits), before: &place, part)
            Self.write(UInt8(ascii: "$"), before: &place, part)
            body.append(contentsOf: UnsafeBufferPointer(rebasing: part[place...]))
        }
        partCount += 1
    }

    private mutating func appendLength(_ length: Int) {
        body.append(UInt8(ascii: "$"))
        Self.appendDigits(length, to: &body)
        body.append(0x0D)
        body.append(0x0A)
    }

    private mutating func endPart() {
        body.append(0x0D)
        body.append(0x0A)
        partCount += 1
    }

    private static func digitCount(_ number: some BinaryInteger) -> Int {
        var (rest, count) = (number, 1)
        while rest >= 10 {
            rest /= 10
            count += 1
        }
        return count
    }

    private static func appendDigits(_ number: Int, to output: inout [UInt8]) {
        if number < 10 { return output.append(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: number)) }
        withUnsafeTemporaryAllocation(of: UInt8.self, capacity: 20) { digits in
            var place = digits.count
            writeDigits(UInt64(number), before: &place, digits)
            output.append(contentsOf: UnsafeBufferPointer(rebasing: digits[place...]))
        }
    }

    /// Writes from the end towards the beginning.
    private static func writeDigits(
        _ number: UInt64, before place: inout Int, _ buffer: UnsafeMutableBufferPointer<UInt8>
    ) {
        var rest = number
        repeat {
            write(UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10), before: &place, buffer)
            rest /= 10
        } while rest > 0
    }

    @inline(__always)
    private static func write(_ byte: UInt8, before place: inout Int, _ buffer: UnsafeMutableBufferPointer<UInt8>) {
        place -= 1
        buffer[place] = byte
    }
}
