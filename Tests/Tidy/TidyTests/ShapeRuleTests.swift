import Testing

@Suite("Rules of shape")
struct ShapeRuleTests {
    private func count(_ rule: Rule, _ text: String, path: String = "Sources/Base/Storage/A.swift") -> Int {
        rule.findings(path: path, text: text).count
    }

    private func lines(_ count: Int, _ line: String = "x") -> String {
        String(repeating: line + "\n", count: count)
    }

    @Test func fileLength() {
        #expect(count(.fileLength, lines(400)) == 0)
        #expect(count(.fileLength, lines(401)) == 1)
        #expect(count(.fileLength, lines(401), path: "Tests/A/ATests/A.swift") == 1)
        #expect(count(.fileLength, lines(401), path: "docs/a.md") == 0)
    }

    @Test func functionLength() {
        #expect(count(.functionLength, "func a() {\n" + lines(68) + "}\n") == 0)
        #expect(count(.functionLength, "func a() {\n" + lines(69) + "}\n") == 1)
        #expect(count(.functionLength, "var a: Int {\n" + lines(69) + "}\n") == 1)
        #expect(count(.functionLength, "struct A {\n" + lines(69) + "}\n") == 0)
    }

    @Test func lineLength() {
        #expect(count(.lineLength, String(repeating: "é", count: 120)) == 0)
        #expect(count(.lineLength, String(repeating: "e", count: 121)) == 1)
    }

    @Test func whiteSpace() {
        #expect(count(.whiteSpace, "let a = 1\n\n    let b = 2\n") == 0)
        #expect(count(.whiteSpace, "let a = 1 \n") == 1)
        #expect(count(.whiteSpace, "\tlet a = 1\n") == 1)
        #expect(count(.whiteSpace, "let a = 1\r\n") == 1)
    }

    @Test(arguments: ["Utils", "Helpers", "Common", "helper"])
    func emptyFolderNames(name: String) {
        #expect(count(.folderNames, "", path: "Sources/Base/\(name)/A.swift") == 1)
        #expect(count(.folderNames, "", path: "Sources/Base/\(name)Router/A.swift") == 0)
        #expect(count(.folderNames, "", path: "Sources/Base/\(name).swift") == 0)
    }

    @Test func largeFiles() {
        let sizes = ["a.bin": 1 << 20, "b.bin": (1 << 20) + 1, "Examples/c.csv": 9 << 20]
        #expect(PathRules.largeFiles(in: sizes).map(\.path) == ["b.bin"])
    }

    @Test func caseCollisions() {
        #expect(PathRules.caseCollisions(in: ["a/B.swift", "a/b.swift", "a/c.swift"]).map(\.path) == ["a/B.swift"])
        #expect(PathRules.caseCollisions(in: ["a/B.swift", "b/B.swift"]) == [])
    }

    @Test func moduleNames() {
        let path = "Sources/Patterns/Sagas/Saga.swift"
        #expect(count(.moduleNames, "public struct Saga {}", path: path) == 0)
        #expect(count(.moduleNames, "public enum Sagas {}", path: path) == 1)
    }

    private func dead(_ files: [String: String]) -> [String] {
        let all = files.sorted { $0.key < $1.key }.map { SourceFile(path: $0.key, text: $0.value) }
        let rule = Rule.deadFiles(among: all)
        return all.flatMap { rule.findings(in: $0, allowing: []) }.map(\.path)
    }

    @Test func deadFiles() {
        let used = "Sources/A/B/Used.swift"
        let user = "Tests/A/BTests/User.swift"
        let dead = "Sources/A/B/Dead.swift"
        #expect(self.dead([used: "struct Used {}", user: "let u = Used()"]) == [])
        #expect(self.dead([dead: "struct Dead { let id = 1 }", user: "// Dead\nlet id = \"Dead\""]) == [dead])
        #expect(self.dead([dead: "private struct Dead {}", user: "Dead()"]) == [dead])
        #expect(self.dead([dead: "extension Int { func lonely() { let id = 1 } }", user: "let id = 1"]) == [dead])
        #expect(self.dead([used: "extension Int { func useful() {} }", user: "1.useful()"]) == [])
        #expect(self.dead([used: "extension Int: Answer {}"]) == [])
        #expect(self.dead([used: "extension Int { init(answer: Int) {} }"]) == [])
        #expect(self.dead([used: "@main struct Command {}"]) == [])
        #expect(self.dead([user: "struct NotUnderSources {}"]) == [])
    }

    @Test func documentLinks() {
        let rule = Rule.documentLinks { ["docs/a.md", "docs/decisions/1.md", "README.md"].contains($0) }
        func targets(_ text: String, path: String = "docs/page.md") -> [Int] {
            rule.findings(path: path, text: text).map(\.line)
        }
        #expect(targets("[a](a.md) [b](decisions/1.md#why) [c](../README.md) [d](#here) [e](https://a.b/c.md)") == [])
        #expect(targets("x\n[a](missing.md)\n") == [2])
        #expect(targets("[a](../../README.md)") == [1])
        #expect(targets("![a](a.png \"title\")") == [1])
        #expect(targets("[a]: missing.md") == [1])
        #expect(targets("```\n[a](missing.md)\n```\n`[a](missing.md)`\n") == [])
        #expect(targets("[a](docs/a.md)", path: "README.md") == [])
        #expect(targets("[a](missing.md)", path: "Sources/A/page.md") == [])
    }
}
