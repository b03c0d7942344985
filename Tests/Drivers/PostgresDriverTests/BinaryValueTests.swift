import Determinism
import Storage
import Testing

@testable import PostgresDriver

/// What a server sends, and what it should not.
@Suite("Binary values")
struct BinaryValueTests {
    private func with<Value>(_ bytes: [UInt8], _ type: UInt32, _ body: (BinaryValue) throws -> Value) rethrows -> Value
    {
        try bytes.withUnsafeBytes { try body(BinaryValue(bytes: $0, type: type, column: 3)) }
    }

    @Test func damagedTextIsNotRepaired() throws {
        let damaged: [(UInt32, [UInt8])] = [
            (PostgresType.text, [0xFF]), (PostgresType.text, [0x61, 0xC3]), (PostgresType.jsonb, [1, 0x80]),
            (PostgresType.json, [0xED, 0xA0, 0x80]),
        ]
        for (type, bytes) in damaged {
            #expect(throws: StorageError.self) { try with(bytes, type) { try $0.text() } }
        }
        #expect(try with([1, 0x7B, 0x7D], PostgresType.jsonb) { try $0.text() } == "{}")
        #expect(throws: StorageError.self) { try with([2, 0x7B, 0x7D], PostgresType.jsonb) { try $0.text() } }
    }

    @Test func lengthsThatDoNotFitTheTypeAreDamage() {
        let types = [
            PostgresType.int8, PostgresType.int4, PostgresType.int2, PostgresType.bool, PostgresType.timestamptz,
            PostgresType.float8, PostgresType.numeric, PostgresType.uuid, PostgresType.pgLSN,
        ]
        for type in types {
            for length in [0, 3, 7, 17] {
                let bytes = [UInt8](repeating: 1, count: length)
                #expect(throws: StorageError.self, "\(type), \(length)") { try with(bytes, type) { try $0.sqlValue() } }
            }
        }
        #expect(throws: StorageError.self) { try with([1, 2], PostgresType.bytea) { try $0.uuid() } }
    }

    @Test func numbersThatAreNoNumbersAreRefused() {
        // Digits, weight, sign, scale, then the digits.
        let cases: [([UInt16], Int64?)] = [
            ([0, 0, 0, 0], 0), ([1, 0, 0, 0, 42], 42), ([1, 0, 0x4000, 0, 42], -42), ([1, 1, 0, 0, 3], 30_000),
            ([2, 0, 0, 2, 7, 5_000], 7), ([1, 0xFFFF, 0, 4, 5_000], 0), ([0, 0, 0xC000, 0], nil),
            ([1, 0, 0xD000, 0, 1], nil), ([1, 5, 0, 0, 1], nil), ([2, 0, 0, 0, 1], nil),
            ([5, 4, 0, 0, 922, 3_372, 368, 5_477, 5_807], .max), ([5, 4, 0, 0, 922, 3_372, 368, 5_477, 5_808], nil),
            ([5, 4, 0x4000, 0, 922, 3_372, 368, 5_477, 5_808], .min),
        ]
        for (words, expected) in cases {
            let bytes = words.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
            #expect(bytes.withUnsafeBytes { BinaryNumeric.integer($0) } == expected, "\(words)")
        }
    }

    @Test func parametersSayWhyTheyCannotBeSent() {
        var parameters = PostgresParameters([.integer(1), .text("fine"), .null])
        #expect(parameters.refusal == nil && parameters.count == 3)
        parameters.append("no\0t")
        #expect(parameters.refusal?.hasPrefix("parameter $4") == true)
        let mixed = ColumnArrays()
        mixed.beginRow()
        mixed.integer(1)
        mixed.beginRow()
        mixed.text("a")
        #expect(mixed.parameters.refusal?.contains("several types") == true)
    }
}
