import StrictJSON

/// A row of an import that changed nothing, and why.
package struct RowFailure: Sendable, Hashable {
    /// Where the row begins, from 1.
    package var line: Int64
    package var code: String
    package var detail: String

    package init(line: Int64, code: String, detail: String) {
        (self.line, self.code, self.detail) = (line, code, detail)
    }

    /// How many of the things that are wrong with one row are told, and in how many bytes: a thousand failures are
    /// kept, and a row can have a thousand members that nobody knows.
    static let (clauseLimit, byteLimit) = (5, 500)

    /// One failure of what is wrong with a row; its code is that of the first thing.
    /// - Parameter nameOf: what the row calls the place that a pointer points at.
    package init(
        line: Int64, _ problems: [FieldProblem], nameOf: (String) -> String = { String($0.dropFirst()) }
    ) {
        var detail = ""
        for (index, problem) in problems.enumerated() {
            let name = nameOf(problem.pointer)
            let clause = name.isEmpty ? problem.detail : "\(name): \(problem.detail)"
            let isTooMuch = index == Self.clauseLimit || detail.utf8.count + clause.utf8.count > Self.byteLimit
            if isTooMuch, index > 0 {
                detail += "; and \(problems.count - index) more"
                break
            }
            detail += index == 0 ? clause : "; \(clause)"
        }
        self.init(line: line, code: problems.first?.code ?? "invalid", detail: detail + ".")
    }
}

/// What became of the rows of an import so far.
package struct ImportTally: Sendable, Hashable {
    /// How many failures are told; ``failed`` counts all.
    package static let errorLimit = 1_000

    /// Rows whose product is now as they say, those included that were so before.
    package private(set) var imported: Int64 = 0
    package private(set) var failed: Int64 = 0
    package private(set) var errors: [RowFailure] = []

    package init() {}

    package mutating func addImported() { imported += 1 }

    package mutating func add(_ failure: RowFailure) {
        failed += 1
        if errors.count < Self.errorLimit { errors.append(failure) }
    }

    /// `{imported, failed, errors}`: the answer of an import.
    package var document: String {
        var json = JSONWriter(capacity: 64 + errors.count * 128)
        json.object { write(to: &$0) }
        return json.string()
    }

    func write(to json: inout JSONWriter) {
        json.member("imported", imported)
        json.member("failed", failed)
        json.member(
            "errors",
            array: { list in
                for error in errors {
                    list.object {
                        $0.member("line", error.line)
                        $0.member("code", error.code)
                        $0.member("detail", error.detail)
                    }
                }
            })
    }

    init?(_ object: JSONObject) {
        guard let imported = object["imported"]?.integer, let failed = object["failed"]?.integer,
            let list = object["errors"]?.array
        else { return nil }
        (self.imported, self.failed) = (imported, failed)
        for element in list {
            guard let error = element.object, let line = error["line"]?.integer, let code = error["code"]?.string,
                let detail = error["detail"]?.string
            else { return nil }
            errors.append(RowFailure(line: line, code: code, detail: detail))
        }
    }
}
