import Determinism
import PantryDomain

/// Knows API keys of organizations, and the operator's token.
package struct PantryAuthenticator: Authenticator {
    private let organizations: OrganizationService
    private let operatorToken: String

    package init(organizations: OrganizationService, operatorToken: String) {
        (self.organizations, self.operatorToken) = (organizations, operatorToken)
    }

    package func authenticate(bearer token: String) async throws -> Principal? {
        if !operatorToken.isEmpty, Digest.areEqual(token, operatorToken) { return .operator }
        do throws(Refusal) {
            guard let credential = try await organizations.authenticate(token) else { return nil }
            let organization = try await organizations.organization(credential.organization)
            return .organization(
                OrganizationCaller(
                    organizationNumber: organization.number, organizationID: organization.id.description,
                    role: AccessRole(credential.role), credentialID: credential.key.description,
                    plan: organization.plan))
        } catch {
            throw Problem(error)
        }
    }
}

extension AccessRole {
    init(_ role: Role) {
        switch role {
        case .read: self = .read
        case .write: self = .write
        case .admin: self = .admin
        }
    }
}
