import PantryDomain
import StrictJSON

/// The body of a new session: `{subject, attributes?, role?}`.
struct SessionBody {
    /// Bytes of the attributes: every server that meets the session remembers them.
    static let largestAttributes = 4 * 1024

    let subject: String
    let attributes: String?
    /// What needs no more than reading is to have no more: `read`, where nothing is said.
    let role: Role

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["subject", "attributes", "role"], problems)
        subject = reader?.text("subject", .required, .subject) ?? ""
        attributes = reader?.document("attributes", largest: Self.largestAttributes)
        role = reader?.choice("role", .optional, Role.allCases) ?? .read
        try problems.check()
    }
}
