import Determinism
import PostgresDriver
import Sagas
import Storage
import StrictJSON

/// The saga engine as a side of `Benchmarks/run sagas`: reads one line of JSON, prints lines of JSON.
@main
struct SagaBenchmark {
    static func main() async throws {
        guard let line = readLine(), let order = BenchmarkOrder(line) else {
            throw BenchmarkFault("standard input should hold one line of JSON with “command” and “url”")
        }
        let time = SystemTime()
        let home = try await SagaHome.open(order.url, time: time)
        try await home.run { home in
            switch order.command {
            case "measure": try await measure(order, home)
            case "idle":
                try await home.work(order.warmUp, inFlight: order.inFlight, home.steps(work: order.work))
                try await time.sleep(for: .seconds(order.seconds ?? 5))
                print(#"{"workflows":0}"#)
            case "start": try await home.startAndHang(order.workflows ?? 1_000, stepMillis: order.stepMillis)
            case "finish": try await finish(order, home)
            default: throw BenchmarkFault("“\(order.command)” is not measure, idle, start or finish")
            }
        }
    }

    private static func measure(_ order: BenchmarkOrder, _ home: SagaHome) async throws {
        let definition = home.steps(work: order.work)
        try await home.work(order.warmUp, inFlight: order.inFlight, definition)
        let (cpu, begin) = (processorSeconds(), home.time.instant())
        let latencies = try await home.work(
            order.workflows, for: order.seconds, inFlight: order.inFlight, definition)
        let seconds = home.time.instant() - begin
        let sorted = latencies.sorted()
        func millis(_ part: Double) -> String {
            guard !sorted.isEmpty else { return "0" }
            return format(sorted[min(sorted.count - 1, Int(Double(sorted.count) * part))] / .milliseconds(1))
        }
        print(
            """
            {"workflows":\(sorted.count),"seconds":\(format(seconds / .seconds(1))),"p50Ms":\(millis(0.5)),\
            "p99Ms":\(millis(0.99)),"cpuSeconds":\(format(processorSeconds() - cpu))}
            """)
    }

    private static func finish(_ order: BenchmarkOrder, _ home: SagaHome) async throws {
        let finished = try await home.finishAll(stepMillis: order.stepMillis)
        print(#"{"finished":\#(finished),"leaseSeconds":\#(format(home.terms.lease / .seconds(1)))}"#)
    }
}

/// What the run asks for.
struct BenchmarkOrder {
    var command: String
    var url: String
    var inFlight = 1
    var workflows: Int?
    var seconds: Int64?
    var warmUp = 50
    var work = "none"
    var stepMillis: Int64 = 50

    init?(_ line: String) {
        guard let object = (try? JSONReader.parse(line))?.object, let command = object["command"]?.string,
            let url = object["url"]?.string
        else { return nil }
        (self.command, self.url) = (command, url)
        func number(_ name: String) -> Int64? {
            object[name]?.numberLiteral.flatMap(Double.init).map { Int64($0.rounded(.up)) }
        }
        inFlight = number("inFlight").map(Int.init) ?? 1
        workflows = number("workflows").map(Int.init)
        seconds = number("seconds")
        warmUp = number("warmUp").map(Int.init) ?? 50
        work = object["work"]?.string ?? "none"
        stepMillis = number("stepMillis") ?? 50
    }
}

struct BenchmarkFault: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}

/// Three decimals.
func format(_ value: Double) -> String {
    let thousandths = Int((value * 1_000).rounded())
    let rest = String(thousandths % 1_000)
    return "\(thousandths / 1_000)." + String(repeating: "0", count: 3 - rest.count) + rest
}
