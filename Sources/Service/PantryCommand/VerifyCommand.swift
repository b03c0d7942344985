import ArgumentParser
import Determinism
import PantryAssembly
import PantryDomain
import StrictJSON

struct VerifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify",
        abstract: "Checks every invariant on the stored data, the provider's books included.",
        discussion: "Reads a snapshot, so it may run beside a server. Exits with 1 and the offending rows if one fails."
    )
    @OptionGroup var options: ConfigurationOptions
    @Flag(help: "Print JSON.") var json = false

    func run() async throws {
        try await reportingFailures {
            let loaded = try options.load()
            let report: VerificationReport
            do {
                report = try await InstalledDatabases.verifier(loaded.configuration, time: SystemTime()).verify()
            } catch {
                let directory = loaded.configuration.data.directory
                throw CommandFailure(.unavailable, "the data in “\(directory)” cannot be read: \(error)")
            }
            try Console.out(json ? Self.render(report) : Self.describe(report))
            if !report.isClean { throw ExitCode(CommandFailure.Code.failed.rawValue) }
        }
    }

    static func describe(_ report: VerificationReport) -> String {
        let summary = "\(report.checked) invariants over \(report.orders) orders: "
        if report.isClean { return summary + "all hold" }
        let findings = report.findings.map { finding in
            (["\(finding.database): \(finding.invariant): broken: \(finding.promise)"] + finding.rows.map { "  \($0)" })
                .joined(separator: "\n")
        }
        return ([summary + "\(report.findings.count) broken"] + findings).joined(separator: "\n")
    }

    static func render(_ report: VerificationReport) -> String {
        var writer = JSONWriter()
        writer.object { json in
            json.member("ok", report.isClean)
            json.member("checked", report.checked)
            json.member("orders", report.orders)
            json.member(
                "findings",
                array: { json in
                    for finding in report.findings {
                        json.object { json in
                            json.member("database", finding.database)
                            json.member("invariant", finding.invariant)
                            json.member("promise", finding.promise)
                            json.member("rows", array: { rows in for row in finding.rows { rows.value(row) } })
                        }
                    }
                })
        }
        return writer.string()
    }
}
