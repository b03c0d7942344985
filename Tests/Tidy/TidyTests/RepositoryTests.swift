import Foundation
import Testing

/// The repository keeps its house rules. Each rule has tests of its own beside this, so that none can pass by being
/// blind.
@Suite("House rules")
struct RepositoryTests {
    private static let rules: [Rule] =
        Rule.shape + Rule.behavior + Rule.honesty + [
            Rule.moduleNames,
            Rule.deadFiles(among: Repository.current.files),
            Rule.documentLinks(exists: isThere),
        ]

    @Sendable private static func isThere(_ path: String) -> Bool {
        let repository = Repository.current
        return repository.sizes[path] != nil || path.isEmpty
            || repository.sizes.keys.contains { $0.hasPrefix(path + "/") }
    }

    @Test("The repository keeps the rule", arguments: rules)
    func repositoryKeeps(rule: Rule) {
        for file in Repository.current.files {
            for finding in rule.findings(in: file) {
                Issue.record("\(finding) (\(rule.name): \(rule.reason))")
            }
        }
    }

    @Test func onlyExamplesAreLarge() {
        #expect(PathRules.largeFiles(in: Repository.current.sizes) == [])
    }

    @Test func pathsDifferInMoreThanCase() {
        #expect(PathRules.caseCollisions(in: Repository.current.sizes.keys) == [])
    }

    @Test func repositoryIsRead() {
        let paths = Set(Repository.current.files.map(\.path))
        #expect(paths.contains("Package.swift"))
        #expect(paths.contains("Tests/Tidy/TidyTests/RepositoryTests.swift"))
        #expect(!paths.contains { $0.hasPrefix(".git/") || $0.hasPrefix(".build") })
    }

    @Test func ruleNamesAreUnique() {
        #expect(Set(Self.rules.map(\.name)).count == Self.rules.count)
    }

    @Test("An allowance names a rule, a place that exists and a reason", arguments: Allowance.all)
    func allowanceIsStillNeeded(allowance: Allowance) {
        #expect(Self.rules.contains { $0.name == allowance.rule })
        #expect(!allowance.reason.isEmpty)
        #expect(Repository.current.sizes.keys.contains(where: allowance.covers), "nothing is there any more")
    }

    @Test func allowanceCoversFileOrFolder() {
        let folder = Allowance(rule: "r", path: "Sources/A/", reason: "")
        #expect(folder.covers("Sources/A/B.swift"))
        #expect(!folder.covers("Sources/AB.swift"))
        let file = Allowance(rule: "r", path: "Sources/A.swift", reason: "")
        #expect(file.covers("Sources/A.swift"))
        #expect(!file.covers("Sources/A.swift/B.swift"))
    }

    @Test func allowanceTakesAwayItsOwnRuleOnly() {
        let file = SourceFile(path: "Sources/A.swift", text: "let now = Date()\nprint(now)\n")
        let allowance = Allowance(rule: "clocks and randomness", path: "Sources/A.swift", reason: "")
        #expect(Rule.clocksAndRandomness.findings(in: file, allowing: [allowance]) == [])
        #expect(Rule.clocksAndRandomness.findings(in: file, allowing: []).count == 1)
        #expect(Rule.printing.findings(in: file, allowing: [allowance]).count == 1)
    }
}
