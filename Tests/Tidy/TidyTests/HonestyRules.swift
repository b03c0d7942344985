/// Rules against work that only looks finished, and against what must not be in a repository. Their own words are put
/// together from parts, so that this file keeps them too.
extension Rule {
    static let honesty: [Rule] = [unfinishedWork, switchedOffTests, sleepingTests, secretsAndPaths]

    static let unfinishedWork = Rule(name: "unfinished work", reason: "what is not done is written in the changelog") {
        file in
        let isScript = file.isUnder("scripts", ".ci") || file.path == "Makefile"
        guard file.isSwift || isScript else { return [] }
        let marks = ["TO" + "DO", "FIX" + "ME", "XX" + "X"].joined(separator: "|")
        return [
            Pattern(#"\b(\#(marks))\b"#, "a mark of unfinished work"),
            Pattern("fatalError\\(\"" + "not (yet )?implemented", "a function that only traps"),
        ].findings(in: file.text, of: file.path)
    }

    static let switchedOffTests = Rule(name: "switched-off tests", reason: "a test runs, or it goes") { file in
        guard file.isSwift, file.isUnder("Tests", "TestKits") else { return [] }
        return [Pattern(#"\.disabled\s*\(|\bwithKnownIssue\b|\bXCTSkip\w*\b|\bXCTExpectFailure\b"#, "switched off")]
            .findings(in: file.code, of: file.path)
    }

    static let sleepingTests = Rule(
        name: "sleeping tests", reason: "a test that sleeps is slow on a fast machine and wrong on a slow one"
    ) { file in
        guard file.isSwift, file.isUnder("Tests") else { return [] }
        return [
            Pattern(#"\b(Task|Thread)\s*(<[^>\n]*>)?\s*\.\s*sleep\b"#, "sleeps"),
            Pattern(#"(?<!func )(?<![.\w])(u|nano)?sleep\s*\("#, "sleeps"),
            Pattern(#"\b(Continuous|Suspending)Clock\s*\(\s*\)\s*\.\s*sleep\b"#, "sleeps"),
        ].findings(in: file.code, of: file.path)
    }

    static let secretsAndPaths = Rule(
        name: "secrets and paths", reason: "no path of somebody's machine and no credential belongs in a repository"
    ) { file in
        [
            Pattern("/wo" + "rk/", "a path of one machine"),
            Pattern("/Us" + "ers/[a-z]|/ho" + "me/[a-z]+/", "a path of one machine"),
            Pattern("-----BEGIN ([A-Z]+ )*PRIVATE" + " KEY-----", "a private key"),
            Pattern(
                #"\b(sk|rk)_live_[0-9A-Za-z]{10,}|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[0-9A-Za-z]{30,}"#, "a credential"),
        ].findings(in: file.text, of: file.path)
    }
}
