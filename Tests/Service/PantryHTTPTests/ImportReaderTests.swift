import PantryDomain
import StrictJSON
import Testing

@testable import PantryHTTP

/// Rows as they are cut out of bytes: the same ones, however the bytes are split.
@Suite("Imports: rows out of bytes", .timeLimit(.minutes(2)))
struct ImportReaderTests {
    /// What a reader made of some bytes.
    private struct Reading: Equatable {
        var entries: [ImportEntry] = []
        /// After each entry, and after the end.
        var places: [ImportPlace] = []
        var fault: UnreadableRows?

        /// Rows as `line sku name amount currency category onHand`, failures as `line code`.
        var text: [String] {
            entries.map { entry in
                switch entry {
                case .row(let row):
                    let category = row.category.map { $0 ?? "none" } ?? "-"
                    let money = "\(row.unitPrice.amount) \(row.unitPrice.currency)"
                    return "\(row.line) \(row.sku) \(row.name) \(money) \(category) "
                        + (row.onHand.map { "\($0)" } ?? "-")
                case .failure(let failure): return "\(failure.line) \(failure.code)"
                }
            }
        }
    }

    private func read(_ parts: [[UInt8]], _ format: ImportFormat) -> Reading {
        var (reading, reader) = (Reading(), ProductRowReader(format))
        func take() throws(UnreadableRows) {
            while let entry = try reader.next() {
                reading.entries.append(entry)
                reading.places.append(reader.place)
            }
        }
        do {
            for part in parts {
                reader.append(part)
                try take()
            }
            reader.finish()
            try take()
            reading.places.append(reader.place)
        } catch { reading.fault = error }
        return reading
    }

    private func read(_ text: String, _ format: ImportFormat) -> Reading { read([Array(text.utf8)], format) }

    private static let csv = [
        "sku,name,amount,currency,category,onHand\nA,Apple,250,USD,fruit,3\nB,Pear,99,EUR,,\n",
        "\u{FEFF}name,sku,onHand,currency,amount\r\n\"Milk, whole\",m-1,0,USD,1\r\n\r\n\"A \"\"B\"\"\",q,7,USD,2",
        "\n\nsku,name,amount,currency\n\"a\",\"two\nlines\",1,USD\n\n\"b\"x,B,1,USD\nc,\"C\"\r,1,USD\nd,D,1,USD\n\n\n",
        "sku,name,amount,currency\na,Ünïcode 🥑,12,USD\nb,5\" pan,12,USD\r\nc,d\ne,f,1,USD,more\n,,,\n",
        "sku,name,amount,currency\na,A,1,USD\nb,\"open,1,USD\nc,C,1,USD\n", "sku,price\nx,1\n", "", "\r\n\n",
    ]
    private static let ndjson = [
        #"{"sku":"A","name":"Apple","unitPrice":{"amount":250,"currency":"USD"},"category":"fruit","onHand":3}"#
            + "\n" + #"{"sku":"B","name":"Pear","unitPrice":{"amount":99,"currency":"EUR"},"category":null}"#,
        "\u{FEFF}\r\n" + #"{"sku":"A","name":"é🥑","unitPrice":{"amount":1,"currency":"USD"}}"#
            + "\r\n\n\nnonsense\n{}\n[]\n",
        #"{"sku":"A","name":"A","unitPrice":{"amount":1,"currency":"USD"},"sku":"B"}"# + "\n{\"sku\":\n\"A\"}\n",
    ]

    @Test("every split in two, and single bytes, give the same rows at the same places")
    func splits() {
        for (texts, format) in [(Self.csv, ImportFormat.csv), (Self.ndjson, .ndjson)] {
            for text in texts {
                let bytes = Array(text.utf8)
                let whole = read([bytes], format)
                for cut in 0...bytes.count {
                    let split = read([Array(bytes[..<cut]), Array(bytes[cut...])], format)
                    #expect(split == whole, "\(format) cut at \(cut): \(text)")
                }
                #expect(read(bytes.map { [$0] }, format) == whole, "\(format) in bytes: \(text)")
            }
        }
    }

    @Test("any bytes, split anywhere, give the same rows and never more than a row is kept")
    func fuzzed() {
        var random = SeededGenerator(state: 7)
        let alphabet = Array("ab\"\",,\n\n\r01é{}:".utf8) + [0, 0xFF]
        let heads = ["", "sku,name,amount,currency\n", "sku,name,amount,currency,category,onHand\n"]
        for round in 0..<2_000 {
            let format: ImportFormat = round % 2 == 0 ? .csv : .ndjson
            var bytes = format == .csv ? Array(heads.randomElement(using: &random)!.utf8) : []
            for _ in 0..<Int.random(in: 0...80, using: &random) {
                bytes.append(alphabet.randomElement(using: &random)!)
            }
            let whole = read([bytes], format)
            var (parts, rest): ([[UInt8]], ArraySlice<UInt8>) = ([], bytes[...])
            while !rest.isEmpty {
                let size = Int.random(in: 0...7, using: &random)
                parts.append(Array(rest.prefix(size)))
                rest = rest.dropFirst(size)
            }
            #expect(read(parts, format) == whole, "round \(round): \(bytes)")
            let last = whole.places.last?.bytes
            if whole.fault == nil { #expect(last == Int64(bytes.count), "round \(round)") }
        }
    }

    @Test("CSV: what the rows say")
    func rows() {
        #expect(
            read(Self.csv[0], .csv).text == ["2 A Apple 250 USD fruit 3", "3 B Pear 99 EUR none -"])
        #expect(
            read(Self.csv[1], .csv).text == ["2 m-1 Milk, whole 1 USD - 0", "4 q A \"B\" 2 USD - 7"])
        #expect(
            read(Self.csv[2], .csv).text == [
                "4 control-character", "7 malformed-request", "8 malformed-request", "9 d D 1 USD - -",
            ])
        #expect(
            read(Self.csv[3], .csv).text == [
                "2 a Ünïcode 🥑 12 USD - -", "3 b 5\" pan 12 USD - -", "4 malformed-request", "5 malformed-request",
                "6 required",
            ])
        #expect(
            read(Self.ndjson[0], .ndjson).text == ["1 A Apple 250 USD fruit 3", "2 B Pear 99 EUR none -"])
        #expect(
            read(Self.ndjson[1], .ndjson).text == [
                "2 A é🥑 1 USD - -", "5 malformed-request", "6 required", "7 wrong-type",
            ])
        #expect(
            read(Self.ndjson[2], .ndjson).text == ["1 malformed-request", "2 malformed-request", "3 malformed-request"])
    }

    @Test("what is no table at all: the line, and what would be right")
    func unreadable() throws {
        func fault(_ text: String) throws -> UnreadableRows { try #require(read(text, .csv).fault) }
        #expect(try fault(Self.csv[4]).line == 3)
        #expect(try fault(Self.csv[4]).detail.contains("not closed"))
        #expect(read(Self.csv[4], .csv).text == ["2 a A 1 USD - -"])
        #expect(try fault(Self.csv[5]).detail.contains("no column “price”"))
        for empty in ["", "\r\n\n"] { #expect(try fault(empty).detail.contains("empty")) }
        #expect(try fault("sku,name,amount\n").detail.contains("“currency” is missing"))
        #expect(try fault("sku,sku,name,amount,currency\n").detail.contains("twice"))
        #expect(try fault("SKU,name,amount,currency\n").detail.contains("no column “SKU”"))
        #expect(try fault("\"sku\"x,name\n").detail.contains("quote"))
        #expect(read("", .ndjson).entries.isEmpty && read("", .ndjson).fault == nil)
    }

    @Test("a row over the limit, at the same place however it comes; one at the limit passes")
    func limits() throws {
        let longest = RecordReader.longest
        for format in ImportFormat.allCases {
            let head = format == .csv ? "sku,name,amount,currency\n" : ""
            let fits = head + String(repeating: "x", count: longest) + "\n"
            #expect(read(fits, format).fault == nil)
            #expect(read(fits, format).entries.count == 1)
            let over = Array((head + String(repeating: "x", count: longest + 1) + "\n").utf8)
            let whole = read([over], format)
            #expect(whole.fault?.line == (format == .csv ? 2 : 1))
            #expect(whole.fault?.detail.contains("\(longest) bytes") == true)
            #expect(read([Array(over.dropLast())], format).fault == whole.fault, "\(format) before its end has come")
        }
        let open = "sku,name,amount,currency\na,\"" + String(repeating: "x\n", count: longest)
        #expect(read(open, .csv).fault?.detail.contains("not closed, or far too long") == true)
    }

    @Test("a row is checked by the rules of POST /v1/products, and says what its columns are called")
    func details() throws {
        func failure(_ text: String, _ format: ImportFormat) throws -> RowFailure {
            guard case .failure(let failure)? = read(text, format).entries.first else {
                throw TestClient.Failure(description: "no failure: \(read(text, format))")
            }
            return failure
        }
        let head = "sku,name,amount,currency,category,onHand\n"
        for (row, code, words) in [
            ("a b,N,1,USD,,", "invalid-sku", "sku: a SKU is"), ("a,,1,USD,,", "required", "name: "),
            ("a,N,0,USD,,", "out-of-range", "amount: 0 is not"), ("a,N,1.50,USD,,", "wrong-type", "without fraction"),
            ("a,N,x,USD,,", "wrong-type", "amount: an integer"), ("a,N,1,usd,,", "invalid-currency", "currency: "),
            ("a,N,99999999999999999999,USD,,", "out-of-range", "amount: "),
            ("a,N,1,USD,,-1", "out-of-range", "onHand: "),
            ("a,N,1,USD,,1e3", "wrong-type", "onHand: "),
            ("a,N,1,USD,\(String(repeating: "c", count: 101)),", "too-long", "category: "),
            ("a b,N,0,USD,,", "invalid-sku", "; amount: "),
        ] {
            let found = try failure(head + row + "\n", .csv)
            #expect(found.line == 2 && found.code == code, "\(row): \(found)")
            #expect(found.detail.contains(words) && found.detail.hasSuffix("."), "\(row): \(found)")
        }
        let members = try failure(
            #"{"sku":"a","name":"N","unitPrice":{"amount":0,"currency":"USD"},"colour":"red"}"#, .ndjson)
        #expect(members.code == "unknown-member")
        #expect(members.detail.contains("unitPrice/amount: 0 is not"))
        #expect(try failure("{\"sku\":\"a\u{1}\"}", .ndjson).detail.contains("column 10"))
    }

    @Test("media types and file names")
    func formats() {
        #expect(ImportFormat(mediaType: "text/csv; charset=utf-8; header=present") == .csv)
        for type in ["application/x-ndjson", "application/ndjson", "Application/JSONL"] {
            #expect(ImportFormat(mediaType: type) == .ndjson)
        }
        #expect(ImportFormat(mediaType: "application/json") == nil)
        #expect(ImportFormat(fileName: "a.b/C.CSV") == .csv)
        #expect(ImportFormat(fileName: "x.jsonl") == .ndjson)
        #expect(ImportFormat(fileName: "-") == nil)
    }
}

/// SplitMix64, for cases that are the same in every run.
private struct SeededGenerator: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
