import AsyncHTTPClient
import Determinism
import Foundation
import Logging
import NIOCore
import NIOHTTP1
import PantryAssembly

extension Observation {
    /// What the process's environment asks for.
    static func open(time: any TimeSource, logger: Logger) throws -> Observation {
        let tracing: TracingSettings?
        do {
            tracing = try TracingSettings.read(
                ConfigurationOptions.environment, workingDirectory: FileManager.default.currentDirectoryPath)
        } catch {
            throw CommandFailure(.configuration, error.description)
        }
        return try Observation(
            tracing, version: Pantry.version, time: time, random: SystemRandom(), logger: logger, post: post)
    }

    /// Posts one request.
    private static func post(
        _ url: String, _ headers: [(name: String, value: String)], _ body: [UInt8]
    ) async -> PostOutcome {
        var request = HTTPClientRequest(url: url)
        request.method = .POST
        for (name, value) in headers { request.headers.add(name: name, value: value) }
        request.body = .bytes(ByteBuffer(bytes: body))
        do {
            let response = try await HTTPClient.shared.execute(request, timeout: .seconds(10))
            // Read to its end, so that the connection can be used again.
            _ = try await response.body.collect(upTo: 64 * 1024)
            switch response.status.code {
            case 200..<300: return .accepted
            // Those that OTLP wants to be tried again, and others mean so.
            case 429, 502, 503, 504: return .unavailable("the endpoint answered \(response.status.code)")
            default:
                let status = Int(response.status.code)
                return .refused("the endpoint answered \(status)", status: status)
            }
        } catch {
            // Not the URL: it may hold a password.
            return .unavailable("the endpoint cannot be reached: \(error)")
        }
    }
}
