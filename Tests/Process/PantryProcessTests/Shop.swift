import Foundation
import PantryTestKit
import StrictJSON
import Testing

/// A shop to test with: one organization of an installation, its products, and the history of its requests.
struct Shop {
    let installation: Installation
    let tenant: Tenant
    let catalog: Catalog
    let history: History

    /// Makes the organization and stocks its products.
    static func open(_ catalog: Catalog, in installation: Installation, on process: PantryProcess) async throws -> Shop
    {
        let client = try process.client()
        let tenant = try await Tenant.create("Test shop", on: client, operatorToken: installation.operatorToken)
        try await catalog.install(for: tenant, on: client)
        return Shop(installation: installation, tenant: tenant, catalog: catalog, history: History())
    }

    /// The same shop in a copy of its installation.
    func copied(to copy: Installation) -> Shop {
        Shop(installation: copy, tenant: tenant, catalog: catalog, history: History(after: history))
    }

    func session(on process: PantryProcess) throws -> TenantSession {
        TenantSession(tenant, try process.client(), history)
    }

    /// Repeats what was not answered, and checks every invariant.
    func expectNoViolations(
        on process: PantryProcess, _ place: String = "", sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        let checker = InvariantChecker(tenants: [tenant], catalog: catalog, history: history)
        let violations = try await checker.check(installation, on: process)
        #expect(violations == [], "\(place)", sourceLocation: sourceLocation)
    }

    func books() async throws -> ProviderBooks { try await installation.books() }

    /// The orders that were made under a key.
    func orders(key: String, on process: PantryProcess) async throws -> [Evidence.Order] {
        try await process.client().all("/v1/orders", key: tenant.apiKey)
            .map { Evidence.Order(organization: tenant.id, json: $0) }.filter { $0.key == key }
    }
}

/// All tests that start servers. They run one after the other: two servers under load at once would only measure each
/// other.
@Suite("Whole processes", .serialized, .keepingItsFolder)
enum ProcessTests {}

/// How much the tests do.
enum TestScale {
    /// `make test-long` sets this: every fault point, and every count in full.
    static let isLong = ProcessInfo.processInfo.environment["PANTRY_TEST_LONG"] == "1"
}

extension Trait where Self == IssueHandlingTrait {
    /// Leaves the installation's folder, with its databases and messages, when an expectation fails.
    static var keepingItsFolder: Self {
        .compactMapIssues { issue in
            Installation.current?.keep()
            return issue
        }
    }
}
