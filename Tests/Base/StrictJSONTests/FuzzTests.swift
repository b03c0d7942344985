import Foundation
import StrictJSON
import Testing

/// Against Foundation's reader and writer, which share no code with ours. Each test has fixed seeds; a failure names
/// the document.
@Suite struct FuzzTests {
    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func whatWeWriteIsReadEqualByBoth(seed: UInt64) throws {
        var documents = RandomDocuments(seed: seed)
        for _ in 0..<250 {
            let value = documents.value()
            let text = value.serialized()
            #expect(try JSONReader.parse(text) == value)
            #expect(try JSONReader.parse(text).serialized().utf8.elementsEqual(text.utf8))
            #expect(try JSONReader.parse(value.canonical()).canonical() == value.canonical())
            let theirs = try #require(readByFoundation(Array(text.utf8)), "\(text)")
            #expect(isEqual(value, theirs), "\(text)")
        }
    }

    @Test(arguments: 5...8 as ClosedRange<UInt64>)
    func whatFoundationWritesWeReadEqual(seed: UInt64) throws {
        var documents = RandomDocuments(seed: seed)
        let options: [JSONSerialization.WritingOptions] = [
            .fragmentsAllowed, [.fragmentsAllowed, .prettyPrinted], [.fragmentsAllowed, .withoutEscapingSlashes],
        ]
        for index in 0..<250 {
            let theirs = try #require(readByFoundation(documents.value().canonical()))
            let data = try JSONSerialization.data(withJSONObject: theirs, options: options[index % 3])
            let ours = try JSONReader.parse(Array(data))
            #expect(isEqual(ours, theirs), "\(String(decoding: data, as: UTF8.self))")
        }
    }

    @Test(arguments: 9...16 as ClosedRange<UInt64>)
    func brokenDocumentsAreJudgedAsByFoundation(seed: UInt64) throws {
        var documents = RandomDocuments(seed: seed)
        var accepted = 0
        var refused = 0
        for _ in 0..<100 {
            let original = documents.value(depth: 2).canonical()
            for _ in 0..<50 {
                let bytes = mutated(original, &documents)
                let shown = String(decoding: bytes, as: UTF8.self).debugDescription
                let theirs = readByFoundation(bytes)
                do throws(JSONError) {
                    let ours = try JSONReader.parse(bytes)
                    accepted += 1
                    if let theirs {
                        #expect(isEqual(ours, theirs), "\(shown)")
                    } else if !hasNumberBeyondDouble(ours) {
                        Issue.record("only we accept \(shown)")
                    }
                } catch {
                    refused += 1
                    checkPosition(error, bytes, shown)
                    if theirs != nil, !isKnownLeniency(error, bytes) {
                        Issue.record("only they accept \(error): \(shown)")
                    }
                }
            }
        }
        // Neither side of the comparison may be empty.
        #expect(accepted > 100)
        #expect(refused > 100)
    }

    /// Whether a number overflows Double: the one thing that we accept and Foundation does not. We keep the literal.
    private func hasNumberBeyondDouble(_ value: JSONValue) -> Bool {
        switch value {
        case .number(let literal): Double(literal).map { !$0.isFinite } ?? true
        case .array(let elements): elements.contains { hasNumberBeyondDouble($0) }
        case .object(let object): object.contains { hasNumberBeyondDouble($0.value) }
        default: false
        }
    }

    /// What Foundation lets pass and we refuse, all of it: names that occur twice, trailing commas, a byte order mark,
    /// and UTF-16 or UTF-32 (which it guesses from zero bytes).
    private func isKnownLeniency(_ error: JSONError, _ bytes: [UInt8]) -> Bool {
        error.code == .duplicateName || error.message.contains("trailing commas") || bytes.contains(0)
            || bytes.starts(with: [0xEF, 0xBB, 0xBF])
    }

    /// The oracle for exact positions: up to the offset there is nothing wrong yet, so the document cut there is either
    /// complete or fails at its end. Just behind the offset it is lost for a single wrong byte.
    private func checkPosition(_ error: JSONError, _ bytes: [UInt8], _ shown: String) {
        #expect((0...bytes.count).contains(error.offset), "\(shown)")
        let before = Array(bytes.prefix(error.offset))
        if let earlier = refusal(before) {
            #expect(earlier.offset == error.offset, "\(error.code) \(shown)")
        }
        if error.code == .unexpectedByte || error.code == .trailingData {
            let behind = refusal(Array(bytes.prefix(error.offset + 1)))
            #expect(behind?.offset == error.offset, "\(shown)")
            #expect(behind?.code == error.code, "\(shown)")
        }
        #expect(error.line == 1 + before.count { $0 == 0x0A })
        #expect(error.column == 1 + before.reversed().prefix { $0 != 0x0A }.count)
    }

    /// One to three random changes: a bit, a byte out, a telling byte in, a part twice, the end cut off.
    private func mutated(_ original: [UInt8], _ documents: inout RandomDocuments) -> [UInt8] {
        let telling = Array("[]{}\",:\\/ \n\t\u{0}019-+.eEutfnl'".utf8) + [0x80, 0xC0, 0xC3, 0xE2, 0xED, 0xF0, 0xFF]
        var bytes = original
        for _ in 0..<Int.random(in: 1...3, using: &documents.random) where !bytes.isEmpty {
            let index = Int.random(in: 0..<bytes.count, using: &documents.random)
            switch Int.random(in: 0..<6, using: &documents.random) {
            case 0: bytes[index] ^= 1 << UInt8.random(in: 0..<8, using: &documents.random)
            case 1: bytes.remove(at: index)
            case 2: bytes[index] = telling.randomElement(using: &documents.random)!
            case 3, 4: bytes.insert(telling.randomElement(using: &documents.random)!, at: index)
            default:
                let length = min(bytes.count - index, Int.random(in: 1...8, using: &documents.random))
                if Bool.random(using: &documents.random) {
                    bytes.insert(contentsOf: bytes[index..<index + length], at: index)
                } else {
                    bytes.removeLast(length)
                }
            }
        }
        return bytes
    }
}
