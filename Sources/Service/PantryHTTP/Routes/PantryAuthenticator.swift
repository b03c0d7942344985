import Determinism
import PantryDomain

/// Knows API keys and sessions of organizations, and the operator's token.
package struct PantryAuthenticator: Authenticator {
    private let organizations: OrganizationService
    private let sessions: SessionService
    private let operatorToken: String

    package init(organizations: OrganizationService, sessions: SessionService, operatorToken: String) {
        (self.organizations, self.sessions, self.operatorToken) = (organizations, sessions, operatorToken)
    }

    package func authenticate(bearer token: String) async throws -> Principal? {
        if !operatorToken.isEmpty, Digest.areEqual(token, operatorToken) { return .operator }
        do throws(Refusal) {
            if SessionSecret.isMeant(by: token) { return try await session(token) }
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

    private func session(_ token: String) async throws(Refusal) -> Principal? {
        guard let session = try await sessions.authenticate(token) else { return nil }
        let organization = try await organizations.organization(session.organization)
        return .organization(
            OrganizationCaller(
                organizationNumber: organization.number, organizationID: organization.id.description,
                role: AccessRole(session.role), credentialID: session.id.description, plan: organization.plan,
                session: session.reference))
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
