import PantryDomain

/// Who a request's credentials belong to.
package enum Principal: Sendable, Equatable {
    case `operator`
    case organization(OrganizationCaller)

    /// The organization that is calling, if it is one.
    package var organization: OrganizationCaller? {
        if case .organization(let caller) = self { caller } else { nil }
    }
}

/// An organization that has shown a key or a session token.
package struct OrganizationCaller: Sendable, Equatable {
    package var organizationNumber: Int64
    package var organizationID: String
    package var role: AccessRole
    /// The key or session, for logs and audits; never the secret itself.
    package var credentialID: String
    /// The name of its plan.
    package var plan: String
    /// The session that was shown; nil for a key.
    package var session: SessionReference?

    package init(
        organizationNumber: Int64, organizationID: String, role: AccessRole, credentialID: String, plan: String = "",
        session: SessionReference? = nil
    ) {
        (self.plan, self.session) = (plan, session)
        self.organizationNumber = organizationNumber
        self.organizationID = organizationID
        self.role = role
        self.credentialID = credentialID
    }
}

/// Knows credentials. The server's port to whatever stores them.
package protocol Authenticator: Sendable {
    /// - Returns: nil when the token is unknown, revoked or expired.
    /// - Throws: a `Problem` when it cannot tell, such as 503 while its database is away.
    func authenticate(bearer token: String) async throws -> Principal?
}
