import StrictJSON

/// An answer of a server.
package struct APIAnswer: Sendable, Hashable {
    package var status: Int
    /// It is the answer of an earlier attempt with the same key.
    package var isReplay: Bool
    /// What `Retry-After` says.
    package var retryAfter: Duration?
    package var body: [UInt8]
    package var json: JSONValue?

    package init(status: Int, isReplay: Bool = false, retryAfter: Duration? = nil, body: [UInt8]) {
        (self.status, self.isReplay, self.retryAfter, self.body) = (status, isReplay, retryAfter, body)
        json = body.isEmpty ? nil : try? JSONReader.parse(body)
    }

    package subscript(member: String) -> JSONValue? { json?.object?[member] }

    package var isSuccess: Bool { (200..<300).contains(status) }
    /// A problem's machine-readable code.
    package var code: String? { self["code"]?.string }

    /// A problem in words, with what is wrong in which field.
    package var detail: String {
        let fields = (self["errors"]?.array ?? []).compactMap { field in
            field.object?["detail"]?.string.map { "\(field.object?["pointer"]?.string ?? ""): \($0)" }
        }
        if !fields.isEmpty { return fields.joined(separator: "; ") }
        return self["detail"]?.string ?? self["title"]?.string ?? "status \(status)"
    }

    /// Whether both say the same. A problem names the request that it answers, which differs.
    package func says(theSameAs other: APIAnswer) -> Bool {
        if status == other.status, body == other.body { return true }
        guard status == other.status, let mine = json?.object, let theirs = other.json?.object else { return false }
        let names = Set(mine.names + theirs.names).subtracting(["requestId"])
        return names.allSatisfy { mine[$0] == theirs[$0] }
    }
}

/// What came of a request.
package enum APIOutcome: Sendable, Hashable {
    case answered(APIAnswer)
    /// None: whether the request took effect is unknown.
    case noAnswer(String)

    package var answer: APIAnswer? {
        if case .answered(let answer) = self { answer } else { nil }
    }
}
