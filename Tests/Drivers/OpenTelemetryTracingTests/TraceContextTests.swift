import Determinism
import Testing

@testable import OpenTelemetryTracing

private let sample = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

/// W3C Trace Context, level 1.
@Suite("Trace context")
struct TraceContextTests {
    @Test("ids are written as sixteen hex digits, whatever is in them")
    func hex() throws {
        let random = SeededRandom(seed: 3)
        let edges: [UInt64] = [
            1, 9, 10, 15, 16, 0x9999_9999_9999_9999, 0xAAAA_AAAA_AAAA_AAAA, 0x0123_4567_89AB_CDEF, .max,
        ]
        for bits in edges + (0..<1_000).map({ _ in random.next() | 1 }) {
            let digits = String(bits, radix: 16)
            let expected = String(repeating: "0", count: 16 - digits.count) + digits
            #expect(try #require(SpanID(bits)).description == expected)
            #expect(try #require(TraceID(high: bits, low: ~bits)).description.prefix(16) == expected)
        }
    }

    @Test("a valid traceparent is read and written as it came")
    func valid() throws {
        let parent = try #require(TraceParent(sample))
        #expect(parent.traceID.description == "4bf92f3577b34da6a3ce929d0e0e4736")
        #expect(parent.spanID.description == "00f067aa0ba902b7")
        #expect(parent.isSampled)
        #expect(parent.description == sample)
    }

    @Test(
        "what else is valid",
        arguments: [
            ("00-00000000000000000000000000000001-0000000000000001-00", false),
            ("00-80000000000000000000000000000000-8000000000000000-ff", true),
            ("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", true),
            ("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-what-comes-then", true),
            ("fe-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00-", false),
        ])
    func alsoValid(header: String, isSampled: Bool) throws {
        #expect(try #require(TraceParent(header)).isSampled == isSampled)
    }

    @Test(
        "what is invalid",
        arguments: [
            "", "00", "00-", "-", "garbage",
            // Too short, too long, and a version 00 that goes on.
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-011",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
            // A later version that goes on without a dash.
            "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.x",
            // Zeros, and the version that does not exist.
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            // Upper case and other characters, in each part.
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473g-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b.-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0A",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-.0",
            "0x-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            // Other separators, blanks, lists.
            "00_4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7_01",
            " 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01 ",
            "\(sample),\(sample)",
            "00-4bf92f3577b34da6a3ce929d0e0e47é6-00f067aa0ba902b7-01",
        ])
    func invalid(header: String) {
        #expect(TraceParent(header) == nil)
    }

    @Test(
        "tracestate that is carried",
        arguments: [
            ("congo=t61rcWkgMzE", "congo=t61rcWkgMzE"), ("a=1, b=2 ,\tc=3", "a=1,b=2,c=3"), ("a=1,,b=2,", "a=1,b=2"),
            ("t@s=1", "t@s=1"), ("1t@s=1", "1t@s=1"), ("a_-*/0=x y!~", "a_-*/0=x y!~"), ("a= b", "a= b"),
            ("\(String(repeating: "k", count: 256))=\(String(repeating: "v", count: 256))", nil as String?),
        ])
    func state(header: String, written: String?) throws {
        #expect(try #require(TraceState(header)).description == written ?? header)
    }

    @Test(
        "tracestate that is dropped",
        arguments: [
            "", ",", " , ", "a", "=1", "a=", "a=1,a=2", "A=1", "1a=1", "a=b=c", "a@=1", "@a=1", "a@1b=1", "a@b@c=1",
            "a=é", "a=\u{1}", "a b=1", "a =1", "é=1", String(repeating: "k", count: 257) + "=1",
            "a=" + String(repeating: "v", count: 257), "t@sssssssssssssss=1",
            (0..<33).map { "k\($0)=1" }.joined(separator: ","),
        ])
    func badState(header: String) {
        #expect(TraceState(header) == nil)
    }

    @Test("thirty-two members are fine")
    func manyMembers() {
        let header = (0..<32).map { "k\($0)=1" }.joined(separator: ",")
        #expect(TraceState(header)?.description == header)
    }
}
