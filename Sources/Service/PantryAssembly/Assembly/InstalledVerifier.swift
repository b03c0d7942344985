import Determinism
import PantryDomain
import Storage

/// The databases of an installation, opened for reading only.
package struct InstalledVerifier: Sendable {
    let databases: [Installation.NamedDatabase]
    let time: any TimeSource

    /// Checks every invariant, and closes the databases.
    package func verify() async throws -> VerificationReport {
        let report: Result<VerificationReport, any Error>
        do { report = .success(try await check()) } catch { report = .failure(error) }
        for named in databases { try? await named.database.close() }
        return try report.get()
    }

    private func check() async throws -> VerificationReport {
        let shards = databases.filter { $0.role == .shard }.map {
            (name: $0.name, database: $0.database as any Database, dialect: $0.database.dialect)
        }
        let provider = databases.first { $0.role == .provider }?.database
        var report = try await Verifier(shards: shards, provider: provider, time: time).run()
        report.checked += 1
        let strays =
            try await OrganizationPlacement.faults(databases) + OrganizationPlacement.homeless(databases)
        if !strays.isEmpty {
            report.findings.append(
                VerificationReport.Finding(
                    database: "control", invariant: "placement",
                    promise: "every organization is where the control database has placed it", rows: strays))
        }
        return report
    }
}
