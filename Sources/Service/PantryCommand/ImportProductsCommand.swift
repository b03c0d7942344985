import ArgumentParser
import Foundation
import PantryHTTP
import StrictJSON

extension ImportCommand {
    struct Products: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Brings an organization's products and stock up to date from a CSV or NDJSON file.",
            discussion: """
                CSV has a header: sku,name,amount,currency and, if you like, category and onHand, in any order; NDJSON \
                has {sku, name, unitPrice, category?, onHand?} a line. amount is in minor units (cents). A known \
                product gets the row's name, price and category; onHand is a count. Rows that are wrong are told on \
                standard error and do not stop the others; the exit code is then 1.
                Without a key, a repeat counts anew; with one, it goes on after the last row that is durable.
                """)
        @OptionGroup var options: ConfigurationOptions
        @Argument(help: "The file; - is standard input.", completion: .file()) var file: String
        @Option(help: "The organization's id, org_….") var organization: String
        @Option(help: "csv or ndjson; by default what the file's name ends with.") var format: ImportFormat?
        @Option(help: "The name of this import: 1 to 255 visible ASCII characters, the same when it is repeated.")
        var idempotencyKey: String?
        @Flag(help: "Print JSON.") var json = false

        func validate() throws {
            guard format == nil, ImportFormat(fileName: file) == nil else { return }
            throw ValidationError("“\(file)” ends with neither .csv, .ndjson nor .jsonl: say --format csv or ndjson.")
        }

        func run() async throws {
            guard let format = format ?? ImportFormat(fileName: file) else { return }
            let (path, organization, key, json) = (file, organization, idempotencyKey, json)
            try await administer(options) { administration in
                let file = try InputFile(path)
                let bar = ProgressBar("importing", total: file.size, unit: .bytes)
                defer { bar.finish() }
                let report = try await administration.importProducts(
                    organization, format, key: key, from: InputFileParts(file: file, bar: bar))
                bar.finish()
                try report.show(of: file.name, json: json)
            }
        }
    }
}

extension ImportFormat: ExpressibleByArgument {}

/// What an import came to.
struct ImportReport: Sendable {
    /// `{imported, failed, errors}`; nil when nothing was begun.
    var tally: JSONValue?
    /// Why it ended before the file did.
    var fault: String?

    /// Errors by row on standard error, the sums on standard output.
    /// - Throws: ``CommandFailure`` or an exit code unless every row is in.
    func show(of name: String, json: Bool) throws {
        let object = tally?.object
        let errors = object?["errors"]?.array ?? []
        for error in errors {
            let (line, code) = (error.object?["line"]?.integer ?? 0, error.object?["code"]?.string ?? "")
            Console.error("\(name):\(line): \(error.object?["detail"]?.string ?? "") (\(code))")
        }
        let (imported, failed) = (object?["imported"]?.integer ?? 0, object?["failed"]?.integer ?? 0)
        if failed > errors.count { Console.error("\(name): and \(failed - Int64(errors.count)) more rows") }
        if let tally { try Console.out(json ? tally.serialized() : "imported \(imported), failed \(failed)") }
        if let fault { throw CommandFailure(.failed, fault) }
        if failed > 0 { throw CommandFailure(.failed, "\(failed) rows were not imported") }
    }
}
