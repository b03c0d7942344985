import Determinism
import Testing

@testable import CircuitBreaking

/// Percentiles beside those of a sorted array, within the error that is stated.
@Suite("Latency window")
struct LatencyWindowTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)

    /// The percentile by its definition: the smallest value that so many percent of all do not exceed.
    private func exact(_ percent: Double, of sorted: [Int64]) -> Int64 {
        sorted[max(Int((Double(sorted.count) * percent / 100).rounded(.up)), 1) - 1]
    }

    private func isWithinTheError(_ duration: Duration, of exact: Int64) -> Bool {
        let error = abs(duration.inNanoseconds - exact)
        return Double(error) <= Double(exact) * 0.0625 || error <= 1_024
    }

    @Test(arguments: UInt64(0)..<60)
    func percentilesAreThoseOfASortedArray(seed: UInt64) throws {
        let random = SeededRandom(seed: seed)
        var window = LatencyWindow(duration: .seconds(60))
        var latencies: [Int64] = []
        let shift = random.next(below: 42)
        for _ in 0..<(Int(random.next(below: 2_000)) + 1) {
            // Uniform, or over all magnitudes up to 73 minutes.
            let nanoseconds =
                seed % 2 == 0
                ? Int64(random.next(below: 1 << shift)) : Int64(random.next() >> (22 + random.next(below: 42)))
            latencies.append(nanoseconds)
            window.record(nanoseconds: nanoseconds, now: start)
        }
        latencies.sort()
        #expect(window.callCount == latencies.count)
        for percent in [0, 1, 10, 25, 50, 75, 90, 95, 99, 99.9, 100] {
            let answer = try #require(window.percentile(percent))
            let exact = exact(percent, of: latencies)
            #expect(isWithinTheError(answer, of: exact), "\(percent): \(answer) for \(exact) ns")
        }
    }

    @Test func eachLatencyUpTo73MinutesIsWithinTheError() throws {
        var nanoseconds: Int64 = 1
        while nanoseconds < 73 * 60 * 1_000_000_000 {
            for near in [nanoseconds - 1, nanoseconds, nanoseconds + 1] {
                var window = LatencyWindow(duration: .seconds(60))
                window.record(nanoseconds: near, now: start)
                let answer = try #require(window.percentile(50))
                #expect(isWithinTheError(answer, of: near), "\(answer) for \(near) ns")
            }
            nanoseconds += max(nanoseconds / 23, 1)
        }
    }

    @Test(arguments: [Duration.seconds(-5), .zero, .seconds(86_400), .seconds(Int64.max), .seconds(Int64.min)])
    func whatIsOutsideIsAtTheEnds(latency: Duration) throws {
        var window = LatencyWindow(duration: .seconds(60))
        window.record(nanoseconds: latency.inNanoseconds, now: start)
        let answer = try #require(window.percentile(100))
        #expect(latency <= .zero ? answer < .microseconds(1) : answer > .seconds(70 * 60))
    }

    @Test func nobodyCalledMeansNoPercentile() {
        var window = LatencyWindow(duration: .seconds(60))
        #expect(window.percentile(50) == nil)
        window.record(nanoseconds: 1_000_000_000, now: start)
        window.advance(to: start + .seconds(61))
        #expect(window.percentile(50) == nil && window.callCount == 0)
    }

    @Test(arguments: UInt64(0)..<60)
    func callsLeaveWithTheirSlice(seed: UInt64) {
        let random = SeededRandom(seed: seed)
        let duration = seed % 6 == 0 ? Int64(1) : Int64(random.next(below: 100_000)) + 6
        var window = LatencyWindow(duration: .nanoseconds(duration))
        let length = max(duration / 6, 1)
        var calls: [(slice: Int64, latency: Int64)] = []
        var (now, slice) = (Int64(random.next(below: 1_000)), Int64.min)
        for _ in 0..<400 {
            switch random.next(below: 20) {
            case 0: now += Int64(random.next(below: 10)) * length
            case 1: now += 1 << Int64(random.next(below: 50))
            case 2: now = max(now - Int64(random.next(below: 10)) * length, 0)
            case 3..<9: now += Int64(random.next(below: UInt64(length) + 1))
            default: break
            }
            slice = max(slice, now / length)
            calls.removeAll { $0.slice <= slice - 6 }
            if random.next(below: 3) == 0 {
                window.advance(to: Instant(nanoseconds: now))
            } else {
                let latency = Int64(random.next(below: 5_000_000))
                window.record(nanoseconds: latency, now: Instant(nanoseconds: now))
                calls.append((slice, latency))
            }
            #expect(window.callCount == calls.count)
            guard let median = window.percentile(50) else { continue }
            let exact = exact(50, of: calls.map(\.latency).sorted())
            #expect(isWithinTheError(median, of: exact))
        }
    }
}
