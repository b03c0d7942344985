import Determinism
import Foundation
import Logging
import StrictJSON

/// One JSON object a line, for machines: what is written when standard error is not a terminal.
struct JSONLogHandler: LogHandler {
    let label: String
    var metadata: Logger.Metadata = [:]
    var logLevel: Logger.Level = .info
    private let time: any TimeSource

    init(label: String, time: any TimeSource) { (self.label, self.time) = (label, time) }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
        get { metadata[key] }
        set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
        let all = event.metadata.map { metadata.merging($0) { $1 } } ?? metadata
        var writer = JSONWriter()
        writer.object { json in
            json.member("time", time.now().rfc3339)
            json.member("level", event.level.rawValue)
            json.member("message", event.message.description)
            for (name, value) in all.sorted(by: { $0.key < $1.key })
            where !["time", "level", "message"].contains(name) {
                json.member(name, value.description)
            }
        }
        Console.error(writer.string())
    }
}

enum Logs {
    /// The server's logger: readable lines on a terminal, JSON elsewhere. `PANTRY_LOG_LEVEL` chooses the level.
    static func logger(environment: [String: String], time: any TimeSource) -> Logger {
        var logger = Logger(label: "pantry") { label in
            isatty(STDERR_FILENO) == 1
                ? StreamLogHandler.standardError(label: label) as any LogHandler
                : JSONLogHandler(label: label, time: time)
        }
        logger.logLevel = environment["PANTRY_LOG_LEVEL"].flatMap { Logger.Level(rawValue: $0.lowercased()) } ?? .info
        return logger
    }
}
