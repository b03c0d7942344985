import CoreMetrics
import HTTPTypes
import Synchronization

/// The server's instruments. Those of a route are made once, at the start; a status that a route answers for the first
/// time gets its counter then.
///
/// Labels are bounded: methods that HTTP defines, patterns of routes, status codes. A path that no route has, and a
/// method that a path does not take, are the route `unmatched`.
final class HTTPMetrics: Sendable {
    static let unmatched = "unmatched"
    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    /// What is measured of one method on one pattern.
    private final class RouteInstruments: Sendable {
        private let factory: any MetricsFactory
        private let dimensions: [(String, String)]
        private let duration: CoreMetrics.Timer
        private let statuses = Mutex<[(code: Int, counter: Counter)]>([])

        init(_ method: String, _ route: String, _ factory: any MetricsFactory) {
            self.factory = factory
            dimensions = [("method", method), ("route", route)]
            duration = Timer(label: "pantry_http_request_duration", dimensions: dimensions, factory: factory)
        }

        func record(_ status: Int, _ nanoseconds: Int64) {
            duration.recordNanoseconds(nanoseconds)
            // A handful of codes for each route: looking through them beats hashing.
            let counter = statuses.withLock { statuses in
                if let known = statuses.first(where: { $0.code == status }) { return known.counter }
                let counter = Counter(
                    label: "pantry_http_requests", dimensions: dimensions + [("status", String(status))],
                    factory: factory)
                statuses.append((status, counter))
                return counter
            }
            counter.increment()
        }
    }

    private let routes: [RouteInstruments]
    /// By the place of the method in ``methods``, then one for all others.
    private let rest: [RouteInstruments]
    private let inFlight: Meter
    private let connections: Meter

    init(_ entries: [RouteTable.Entry], _ factory: any MetricsFactory) {
        routes = entries.map { RouteInstruments($0.route.method.rawValue, $0.route.pattern, factory) }
        rest = (Self.methods.map(\.rawValue) + ["_OTHER"]).map { RouteInstruments($0, Self.unmatched, factory) }
        inFlight = Meter(label: "pantry_http_requests_in_flight", factory: factory)
        connections = Meter(label: "pantry_http_connections", factory: factory)
    }

    func connectionOpened() { connections.increment() }
    func connectionClosed() { connections.decrement() }
    func requestBegan() { inFlight.increment() }

    /// - Parameters:
    ///   - entry: the route's place in the table; nil when none was found.
    ///   - method: nil when the request could not be read that far.
    func requestEnded(entry: Int?, method: HTTPRequest.Method?, status: Int, after duration: Duration) {
        refused(entry: entry, method: method, status: status, after: duration)
        inFlight.decrement()
    }

    /// The same for what never counted as begun.
    func refused(entry: Int?, method: HTTPRequest.Method?, status: Int, after duration: Duration) {
        let (seconds, attoseconds) = duration.components
        let nanoseconds = seconds * 1_000_000_000 + attoseconds / 1_000_000_000
        if let entry {
            routes[entry].record(status, nanoseconds)
        } else {
            let place = method.flatMap { Self.methods.firstIndex(of: $0) } ?? Self.methods.count
            rest[place].record(status, nanoseconds)
        }
    }
}
