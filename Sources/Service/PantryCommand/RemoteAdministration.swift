import AsyncHTTPClient
import Foundation
import NIOCore
import NIOHTTP1
import PantryAssembly
import PantryDomain
import PantryHTTP
import StrictJSON

/// A running server, asked as its operator.
struct RemoteAdministration: Administration {
    let base: String
    let token: String

    /// The server at the configuration's address, if one answers there and it is ours: it knows the operator's token.
    static func find(_ configuration: PantryConfiguration) async throws -> RemoteAdministration? {
        guard let token = try OperatorToken.known(configuration), configuration.server.port != 0 else { return nil }
        let host = ["0.0.0.0", "::"].contains(configuration.server.host) ? "127.0.0.1" : configuration.server.host
        let base = "http://\(host.contains(":") ? "[\(host)]" : host):\(configuration.server.port)"
        let remote = RemoteAdministration(base: base, token: token)
        do {
            let (status, _) = try await remote.send(
                .GET, "/v1/organizations?limit=1", nil, timeout: .milliseconds(500))
            // 503 says that it is starting. Any other refusal is one of a server with other data.
            return status == 200 || status == 503 ? remote : nil
        } catch {
            // Nobody there, or nobody who speaks HTTP: the data is opened directly, and its lock says if that is wrong.
            return nil
        }
    }

    func createOrganization(name: String, plan: String?, region: String?) async throws -> JSONValue {
        let body = Self.organizationBody(name: name, plan: plan, region: region)
        return try await call(.POST, "/v1/organizations", body)
    }
    func organizations() async throws -> [JSONValue] { try await list("/v1/organizations") }
    func organization(_ id: String) async throws -> JSONValue {
        try await call(.GET, "/v1/organizations/\(escaped(id))")
    }
    func setPlan(_ id: String, plan: String) async throws -> JSONValue {
        try await call(.PATCH, "/v1/organizations/\(escaped(id))", ["plan": .string(plan)])
    }
    func createKey(_ organization: String, role: Role) async throws -> JSONValue {
        try await call(.POST, "/ops/organizations/\(escaped(organization))/keys", ["role": .string(role.rawValue)])
    }
    func keys(_ organization: String) async throws -> [JSONValue] {
        try await list("/ops/organizations/\(escaped(organization))/keys")
    }
    func revokeKey(_ organization: String, _ key: String) async throws {
        _ = try await call(.DELETE, "/ops/organizations/\(escaped(organization))/keys/\(escaped(key))")
    }
    func importProducts(
        _ organization: String, _ format: ImportFormat, key: String?, from parts: InputFileParts
    ) async throws -> ImportReport {
        var request = HTTPClientRequest(url: "\(base)/ops/organizations/\(escaped(organization))/product-imports")
        request.method = .POST
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        request.headers.add(name: "Content-Type", value: format.mediaType)
        if let key { request.headers.add(name: "Idempotency-Key", value: key) }
        request.body = .stream(
            parts.map { ByteBuffer(bytes: $0) }, length: parts.file.size.map { .known($0) } ?? .unknown)
        let (status, bytes): (UInt, [UInt8])
        do {
            // The server says when it has waited too long; there is no telling how long a file takes.
            let response = try await HTTPClient.shared.execute(request, timeout: .hours(24))
            (status, bytes) = (
                response.status.code, Array(try await response.body.collect(upTo: 4 << 20).readableBytesView)
            )
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(
                .unavailable, "the server went away during the import; run the command again when it is back: \(error)")
        }
        let answer = try JSONReader.parse(bytes)
        if status == 200 { return ImportReport(tally: answer) }
        return ImportReport(tally: answer.object?["import"], fault: Self.sentence(of: answer, status))
    }

    func escaped(_ part: String) -> String {
        part.addingPercentEncoding(withAllowedCharacters: .alphanumerics.union(CharacterSet(charactersIn: "-._~")))
            ?? ""
    }

    /// - Parameters:
    ///   - filters: the rest of the query, escaped: `&status=stuck`.
    ///   - limit: at most so many; nil for all.
    ///   - look: is shown each page.
    func list(
        _ path: String, filters: String = "", limit: Int? = nil, look: (JSONValue) -> Void = { _ in }
    ) async throws -> [JSONValue] {
        var (all, cursor): ([JSONValue], String?) = ([], nil)
        while true {
            let size = min(100, limit.map { $0 - all.count } ?? 100)
            let rest = filters + (cursor.map { "&cursor=\(escaped($0))" } ?? "")
            let page = try await call(.GET, "\(path)?limit=\(size)\(rest)")
            look(page)
            all += page.object?["data"]?.array ?? []
            cursor = page.object?["page"]?.object?["nextCursor"]?.string
            if cursor == nil || all.count >= limit ?? .max { return all }
        }
    }

    func call(_ method: HTTPMethod, _ path: String, _ body: JSONValue? = nil) async throws -> JSONValue {
        let (status, bytes) = try await send(method, path, body, timeout: .seconds(15))
        let answer: JSONValue = bytes.isEmpty ? .null : try JSONReader.parse(bytes)
        guard (200..<300).contains(status) else { throw CommandFailure(.failed, Self.sentence(of: answer, status)) }
        return answer
    }

    /// What a problem says.
    private static func sentence(of answer: JSONValue, _ status: UInt) -> String {
        let problem = answer.object
        let detail = problem?["detail"]?.string ?? problem?["title"]?.string ?? "status \(status)"
        let fields = (problem?["errors"]?.array ?? []).compactMap { field in
            field.object?["detail"]?.string.map { "\(field.object?["pointer"]?.string?.dropFirst() ?? ""): \($0)" }
        }
        return fields.isEmpty ? detail : fields.joined(separator: "; ")
    }

    private func send(
        _ method: HTTPMethod, _ path: String, _ body: JSONValue?, timeout: TimeAmount
    ) async throws -> (UInt, [UInt8]) {
        var request = HTTPClientRequest(url: base + path)
        request.method = method
        request.headers.add(name: "Authorization", value: "Bearer \(token)")
        if let body {
            request.headers.add(name: "Content-Type", value: "application/json")
            request.body = .bytes(ByteBuffer(string: body.serialized()))
        }
        let response = try await HTTPClient.shared.execute(request, timeout: timeout)
        let bytes = try await response.body.collect(upTo: 4 << 20)
        return (response.status.code, Array(bytes.readableBytesView))
    }
}
