import Determinism
import Foundation
import Testing

/// RFC 3339 in both directions, against Foundation and against a calendar that is walked month by month.
@Suite("Timestamp")
struct TimestampTests {
    /// The first moment of every month of the years 0…9999, counted up without any formula.
    @Test func everyMonthOfTenThousandYears() {
        var days = -719_528  // from 0000-01-01 to 1970-01-01
        for year in 0...9_999 {
            let isLeap = year % 400 == 0 || (year % 4 == 0 && year % 100 != 0)
            for (index, length) in [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31].enumerated() {
                let first = "\(padded(year, 4))-\(padded(index + 1, 2))-01T00:00:00.000Z"
                let last = "\(padded(year, 4))-\(padded(index + 1, 2))-\(padded(length, 2))T23:59:59.999Z"
                let start = Timestamp(microseconds: Int64(days) * 86_400_000_000)
                let end = Timestamp(microseconds: Int64(days + length) * 86_400_000_000 - 1_000)
                let isRight =
                    start.rfc3339 == first && Timestamp(rfc3339: first) == start && end.rfc3339 == last
                    && Timestamp(rfc3339: last) == end
                #expect(isRight, "\(first): \(start.rfc3339), \(last): \(end.rfc3339)")
                if !isRight { return }
                days += length
            }
        }
        #expect(days == 2_932_897)
    }

    @Test(arguments: [0x5EED, 1, 77] as [UInt64])
    func randomMomentsAgreeWithFoundation(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        let formatter = ISO8601DateFormatter()
        // 1600-01-01 … 9999-12-31: before 1582 Foundation's calendar is the Julian one.
        let (low, high): (Int64, Int64) = (-11_676_096_000, 253_402_300_799)
        for _ in 0..<2_000 {
            let seconds = low + Int64(random.next(below: UInt64(high - low + 1)))
            let fraction = Int64(random.next(below: 1_000_000))
            let moment = Timestamp(microseconds: seconds * 1_000_000 + fraction)
            let whole = formatter.string(from: Date(timeIntervalSince1970: Double(seconds))).dropLast()
            let expected = "\(whole).\(padded(Int(fraction / 1_000), 3))Z"
            #expect(moment.rfc3339 == expected, "seed \(seed), \(moment.microseconds)")
            let toTheMillisecond = Timestamp(microseconds: seconds * 1_000_000 + fraction / 1_000 * 1_000)
            #expect(Timestamp(rfc3339: moment.rfc3339) == toTheMillisecond, "seed \(seed), \(moment.microseconds)")
            let micro = "\(whole).\(padded(Int(fraction), 6))Z"
            #expect(Timestamp(rfc3339: micro) == moment, "seed \(seed), \(micro)")
        }
    }

    @Test(arguments: [0xACE, 2] as [UInt64])
    func offsetsShiftTheMoment(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        for _ in 0..<500 {
            let moment = Timestamp(microseconds: Int64(random.next(below: 4_000_000_000)) * 1_000_000)
            let (hours, minutes) = (Int(random.next(below: 24)), Int(random.next(below: 60)))
            let isEast = random.next(below: 2) == 0
            let shift = Duration.seconds((hours * 60 + minutes) * 60 * (isEast ? 1 : -1))
            let local = (moment + shift).rfc3339.dropLast()
            let text = "\(local)\(isEast ? "+" : "-")\(padded(hours, 2)):\(padded(minutes, 2))"
            #expect(Timestamp(rfc3339: text) == moment, "seed \(seed), \(text)")
        }
    }

    @Test(
        arguments: [
            ("2026-11-23T10:05:01.5+01:00", 1_795_424_701_500_000),
            ("2026-11-23t09:05:01z", 1_795_424_701_000_000), ("2026-11-23 09:05:01Z", 1_795_424_701_000_000),
            ("1970-01-01T00:00:00-00:00", 0), ("1970-01-01T00:00:00.1Z", 100_000),
            ("1970-01-01T00:00:00.000001Z", 1), ("1969-12-31T23:59:59.999999Z", -1),
            ("1970-01-01T00:00:00.0000019Z", 1), ("1970-01-01T00:00:00.123456789123456789Z", 123_456),
            ("1970-01-01T00:00:00+23:59", -86_340_000_000), ("2024-02-29T00:00:00Z", 1_709_164_800_000_000),
            ("2000-02-29T00:00:00Z", 951_782_400_000_000), ("0000-02-29T00:00:00Z", -62_162_121_600_000_000),
        ] as [(String, Int64)])
    func reads(text: String, microseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.microseconds == microseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-11-23", "2026-11-23T10:05:01", "2026-11-23T10:05Z", "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z", "2026-01-00T00:00:00Z", "2026-04-31T00:00:00Z", "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z", "2100-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "2026-01-01T00:00:00.Z", "2026-01-01T00:00:00.1", "2026-01-01T00:00:00+1:00",
        "2026-01-01T00:00:00+24:00", "2026-01-01T00:00:00+01:60", "2026-01-01T00:00:00+0100",
        "2026-01-01T00:00:00Z ", " 2026-01-01T00:00:00Z", "2026-01-01T00:00:00ZZ", "02026-01-01T00:00:00Z",
        "-026-01-01T00:00:00Z", "2026-1-01T00:00:00Z", "2026/01/01T00:00:00Z", "2026-01-01T00:00:00\u{661}Z",
        "٢٠٢٦-01-01T00:00:00Z", "2026-01-01_00:00:00Z", "2026-01-01T00:00:00,5Z", "2026-01-01T00:00:00Z\0",
    ])
    func refuses(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func refusesEveryByteThatIsOutOfPlace() {
        let good = Array("2026-11-23T09:05:01.042Z".utf8)
        for index in good.indices {
            for byte in UInt8(0x20)...0x7E where byte != good[index] {
                var bytes = good
                bytes[index] = byte
                let text = String(decoding: bytes, as: UTF8.self)
                guard let read = Timestamp(rfc3339: text) else { continue }
                // What is read all the same must be what it says: written again, it differs at most in the separators.
                let isSeparator = index == 10 || index == 23
                #expect(isSeparator || read.rfc3339 == text, "\(text)")
                #expect(!isSeparator || "Tt Zz".utf8.contains(byte), "\(text)")
            }
        }
    }

    @Test func momentsBeyondTheRangeBecomeTheNearestOne() {
        #expect(Timestamp(microseconds: .min).rfc3339 == "0000-01-01T00:00:00.000Z")
        #expect(Timestamp(microseconds: .max).rfc3339 == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(microseconds: 253_402_300_800_000_000).rfc3339 == "9999-12-31T23:59:59.999Z")
        #expect(Timestamp(microseconds: -62_167_219_200_000_001).rfc3339 == "0000-01-01T00:00:00.000Z")
    }

    @Test func millisecondsAreCutOffTowardsThePast() {
        #expect(Timestamp(microseconds: -1).rfc3339 == "1969-12-31T23:59:59.999Z")
        #expect(Timestamp(microseconds: 999).rfc3339 == "1970-01-01T00:00:00.000Z")
    }

    @Test func additionSaturatesAndOrders() {
        let moment = Timestamp(microseconds: 5)
        #expect(moment + .microseconds(7) == Timestamp(microseconds: 12))
        #expect(moment + .nanoseconds(999) == moment)
        #expect(moment + .seconds(Int64.max) == Timestamp(microseconds: .max))
        #expect(Timestamp(microseconds: -5) + .seconds(Int64.min) == Timestamp(microseconds: .min))
        #expect(Timestamp(microseconds: -1) < Timestamp(microseconds: 0))
    }
}

/// The number in decimal, with zeros in front.
func padded(_ number: Int, _ digits: Int) -> String {
    let text = String(number)
    return String(repeating: "0", count: max(0, digits - text.count)) + text
}
