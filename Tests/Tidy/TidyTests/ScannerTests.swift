import Testing

@Suite("Scanner")
struct ScannerTests {
    private func masked(_ text: String) -> String {
        SwiftMask.masked(text).split(separator: " ").joined(separator: " ")
    }

    @Test(arguments: [
        ("let a = 1 // Date()", "let a = 1"),
        ("let a /* Date() /* nested */ Date() */ = 1", "let a = 1"),
        (#"let a = "Date()" + b"#, #"let a = " " + b"#),
        (#"let a = "\" Date()" + b"#, #"let a = " " + b"#),
        (##"let a = #"\" Date() "# + b"##, ##"let a = #" "# + b"##),
        (##"let a = #"say "Date()" \(no)"# + b"##, ##"let a = #" "# + b"##),
        (##"let a = #"yes \#(code(1)) Date()"# + b"##, ##"let a = #" code(1) "# + b"##),
        (#"let a = "is \(Date()) \(f("x", y)) end" + b"#, #"let a = " Date() f(" ", y) " + b"#),
        ("let a = \"\"\"\n    Date() \"quoted\" \\(code)\n    \"\"\"\nb", "let a = \"\"\"\n code \n \"\"\"\nb"),
        ("let a = /Date\"()/.anchors + b", "let a = .anchors + b"),
        ("let a = b / c / d", "let a = b / c / d"),
        ("let a = \"unfinished\nlet b = Date()", "let a = \" \nlet b = Date()"),
        ("#if os(Linux)\nfoo()\n#endif", "#if os(Linux)\nfoo()\n#endif"),
    ])
    func codeIsKeptAndTheRestIsBlank(source: String, expected: String) {
        #expect(masked(source) == expected)
    }

    @Test func linesStayWhereTheyAre() {
        let source = "/* a\n b */\nlet c = \"\"\"\n  d\n  \"\"\"\nlet é = \"ü\"\n"
        let result = SwiftMask.masked(source)
        #expect(result.split(separator: "\n", omittingEmptySubsequences: false).count == source.lines.count + 1)
        #expect(result.lines[5].hasPrefix("let é = "))
    }

    @Test func tokensKnowTheirLine() {
        let tokens = SwiftToken.tokens(of: "let a\n  = b.c\n")
        #expect(tokens.map(\.text) == ["let", "a", "=", "b", ".", "c"])
        #expect(tokens.map(\.line) == [1, 1, 2, 2, 2, 2])
        #expect(tokens.map(\.startsLine) == [true, false, true, false, false, false])
    }

    private func spans(_ text: String) -> [String] {
        FunctionScanner.spans(in: SourceFile(path: "a.swift", text: text).tokens).map {
            "\($0.name) \($0.firstLine)-\($0.lastLine)"
        }
    }

    @Test func functionsAreMeasuredToTheirBrace() {
        let source = """
            struct A {
                init(b: Int = { 1 }()) {
                    self.init()
                }
                func first<T: P>(a: T, then: () -> Void = {}) async throws(E) -> [T]
                where T: Q {
                    let c = "}"  // }
                    items.map { $0 }
                    func inner() {}
                }
                var computed: Int { 1 }
                var stored: Int = 1
                let closure = { (a: Int) in a }
                deinit {
                }
                subscript(a: Int) -> Int {
                    a
                }
            }
            """
        #expect(
            spans(source) == [
                "init 2-4", "first 5-10", "inner 9-9", "computed 11-11", "deinit 14-15", "subscript 16-18",
            ])
    }

    @Test func requirementsHaveNoBody() {
        let source = """
            protocol P {
                func a() async throws -> Int
                init(b: Int)
                /// Words { in a comment.
                @discardableResult
                func c(d: Int) -> (Int) -> Void
            }
            struct S {
                func e() {
                }
            }
            """
        #expect(spans(source) == ["e 9-10"])
    }

    @Test func operatorsAndGenericsAreFunctionsToo() {
        let source = """
            extension A {
                static func < (a: A, b: A) -> Bool {
                    a.b < b.b
                }
                init?<T>(_ t: T) where T: P {
                }
            }
            """
        #expect(spans(source) == ["< 2-4", "init 5-6"])
    }
}
