import Tracing

/// Attributes of spans, written one after the other into one block of bytes as they are told.
///
/// A list of keys and values would be as many strings that are retained for the list, copied into the batch, and
/// released by the thread that sends them; most of what a span cost was that. Bytes are copied as one block, and belong
/// to nobody.
///
/// An attribute is its kind (one byte), its key, and its value. Texts have their length before them (four bytes);
/// numbers take eight bytes, truth values one; a list is its elements' kind, their number, and their values.
struct AttributeBytes: Sendable {
    enum Kind: UInt8 {
        case text
        case number
        case double
        case flag
        case list
    }
    private(set) var bytes: [UInt8] = []
    private(set) var count = 0

    /// As many bytes as the attributes of most spans take: room for them is made at once.
    private static let usualSize = 320

    init() {}

    /// Them all, in no order, or as many as may be. What can only be described is described now.
    init(_ attributes: SpanAttributes, limit: Int = .max) {
        attributes.forEach { if count < limit { add($0, attribute: $1) } }
    }

    mutating func add(_ key: String, _ text: String) {
        var (key, text) = (key, text)
        key.withUTF8 { key in
            text.withUTF8 { text in
                grow(by: 1 + Self.size(key) + Self.size(text)) { room in
                    let end = room.begin(.text, key)
                    room.put(text, at: end)
                }
            }
        }
    }
    mutating func add(_ key: String, _ number: Int64) { add(.number, key, number) }
    mutating func add(_ key: String, _ flag: Bool) { add(.flag, key, UInt8(flag ? 1 : 0)) }
    private mutating func add(_ key: String, _ double: Double) { add(.double, key, double.bitPattern) }

    private mutating func add(_ kind: Kind, _ key: String, _ value: some FixedWidthInteger & BitwiseCopyable) {
        var key = key
        key.withUTF8 { key in
            grow(by: 1 + Self.size(key) + MemoryLayout.size(ofValue: value)) { room in
                let end = room.begin(kind, key)
                room.storeBytes(of: value, toByteOffset: end, as: type(of: value))
            }
        }
    }

    mutating func add(_ key: String, attribute: SpanAttribute) {
        switch attribute {
        case .string(let text): add(key, text)
        case .stringConvertible(let value): add(key, value.description)
        case .int32(let number): add(key, Int64(number))
        case .int64(let number): add(key, number)
        case .double(let number): add(key, number)
        case .bool(let flag): add(key, flag)
        case .stringArray(let list): add(key, .text, list) { $0.append($1) }
        case .stringConvertibleArray(let list): add(key, .text, list) { $0.append($1.description) }
        case .int32Array(let list): add(key, .number, list) { $0.append(Int64($1)) }
        case .int64Array(let list): add(key, .number, list) { $0.append($1) }
        case .doubleArray(let list): add(key, .double, list) { $0.append($1.bitPattern) }
        case .boolArray(let list): add(key, .flag, list) { $0.bytes.append($1 ? 1 : 0) }
        default: add(key, String(describing: attribute))
        }
    }

    private mutating func add<Element>(
        _ key: String, _ kind: Kind, _ list: [Element], _ append: (inout AttributeBytes, Element) -> Void
    ) {
        add(.list, key, kind.rawValue)
        self.append(UInt32(list.count))
        for element in list { append(&self, element) }
    }

    /// Adds those of another span, behind one's own.
    mutating func append(contentsOf other: AttributeBytes) {
        bytes.append(contentsOf: other.bytes)
        count += other.count
    }

    mutating func removeAll() {
        bytes.removeAll(keepingCapacity: true)
        count = 0
    }

    // MARK: Pieces

    /// What a text takes, with its length.
    private static func size(_ text: UnsafeBufferPointer<UInt8>) -> Int { text.count + MemoryLayout<UInt32>.size }

    /// Adds room for one more attribute, all of which `write` fills.
    @inline(__always)
    private mutating func grow(by size: Int, _ write: (UnsafeMutableRawBufferPointer) -> Void) {
        if bytes.isEmpty { bytes.reserveCapacity(Self.usualSize) }
        count += 1
        bytes.append(addingCapacity: size) { span in
            span.withUnsafeMutableBufferPointer { room, initialized in
                write(UnsafeMutableRawBufferPointer(room))
                initialized = size
            }
        }
    }

    private mutating func append(_ text: String) {
        var text = text
        text.withUTF8 { text in
            append(UInt32(text.count))
            bytes.append(contentsOf: text)
        }
    }

    private mutating func append<Number: FixedWidthInteger & BitwiseCopyable>(_ number: Number) {
        withUnsafeBytes(of: number) { bytes.append(contentsOf: $0) }
    }
}

extension UnsafeMutableRawBufferPointer {
    /// - Returns: where the value begins.
    fileprivate func begin(_ kind: AttributeBytes.Kind, _ key: UnsafeBufferPointer<UInt8>) -> Int {
        self[0] = kind.rawValue
        return put(key, at: 1)
    }

    /// - Returns: where it ends.
    @discardableResult
    fileprivate func put(_ text: UnsafeBufferPointer<UInt8>, at offset: Int) -> Int {
        storeBytes(of: UInt32(text.count), toByteOffset: offset, as: UInt32.self)
        let start = offset + MemoryLayout<UInt32>.size
        UnsafeMutableRawBufferPointer(rebasing: self[start...]).copyMemory(from: UnsafeRawBufferPointer(text))
        return start + text.count
    }
}
