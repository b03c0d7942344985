import PantryDomain
import StrictJSON

/// The body of a new organization: `{name, plan?, region?}`. Whether the plan exists, the domain knows.
package struct OrganizationBody {
    package let name: String
    package let plan: String?
    package let region: String?

    package init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["name", "plan", "region"], problems)
        name = reader?.text("name", .required, .name) ?? ""
        plan = reader?.text("plan", .optional, .plan)
        region = reader?.text("region", .optional, .region)
        try problems.check()
    }
}

/// The body that changes an organization: `{plan}`.
struct PlanBody {
    let plan: String

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["plan"], problems)
        plan = reader?.text("plan", .required, .plan) ?? ""
        try problems.check()
    }
}

/// The body of a new key: `{role}`.
struct KeyBody {
    let role: Role

    init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["role"], problems)
        role = reader?.choice("role", .required, Role.allCases) ?? .read
        try problems.check()
    }
}
