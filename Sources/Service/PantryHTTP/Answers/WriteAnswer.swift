import HTTPTypes
import PantryDomain
import StrictJSON

/// Turns the domain's answers to writes into replies.
enum WriteAnswer {
    /// - Parameter location: where what was made can be read, given the answer's document; used for 201 and 202.
    static func reply(
        _ answer: Answer, isReplay: Bool, token: String? = nil, location: ((String) -> String)? = nil
    ) throws(Problem) -> Reply {
        var headers = headers(isReplay: isReplay, token: token)
        let document = answer.document
        switch answer.kind {
        case .ok: return .json(.ok, document, headers: headers)
        case .created, .accepted:
            headers[.location] = location?(document)
            return .json(answer.kind == .created ? .created : .accepted, document, headers: headers)
        case .noContent: return Reply(status: .noContent, headers: headers)
        case .outOfStock: throw .outOfStock(lines: document).with(headers)
        case .paymentDeclined: throw .paymentDeclined(members(of: document)).with(headers)
        }
    }

    /// What placing an order, or an operation on one, came to.
    static func reply(
        _ placed: PlacedOrder, token: String, location: @escaping (String) -> String
    ) throws(Problem) -> Reply {
        switch placed {
        case .answer(let answer, let isReplay):
            return try reply(answer, isReplay: isReplay, token: token, location: location)
        case .accepted(let document, let isReplay):
            var headers = headers(isReplay: isReplay, token: token)
            headers[.location] = location(document)
            return .json(.accepted, document, headers: headers)
        }
    }

    static func headers(isReplay: Bool, token: String?) -> HTTPFields {
        var headers = HTTPFields()
        if let token { headers[.consistencyToken] = token }
        if isReplay { headers[.idempotentReplayed] = "true" }
        return headers
    }

    /// The id of what a document shows. The domain's documents begin with it, so that nothing need be parsed.
    static func id(in document: String) -> String {
        let bytes = document.utf8.dropFirst("{\"id\":\"".utf8.count)
        return String(Substring(bytes.prefix { $0 != UInt8(ascii: "\"") }))
    }

    private static func members(of document: String) -> [ExtraMember] {
        let object = (try? JSONReader.parse(document))?.object
        return (object?.members ?? []).map { ExtraMember($0.name, json: $0.value.serialized()) }
    }
}

extension Problem {
    fileprivate func with(_ headers: HTTPFields) -> Problem {
        var problem = self
        for field in headers { problem.headers.append(field) }
        return problem
    }
}
