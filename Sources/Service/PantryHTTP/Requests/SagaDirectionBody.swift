import PantryDomain
import Sagas
import StrictJSON

/// The body of an operator's decision about a saga: `{step?, reason}`. A cancel is about the whole saga.
package struct SagaDirectionBody {
    package let step: String?
    package let reason: String

    package init(_ body: JSONValue, _ verb: SagaDirective.Verb) throws(Refusal) {
        let problems = FieldProblemList()
        let members = verb == .cancel ? ["reason"] : ["step", "reason"]
        let reader = ObjectReader(body, at: "", members: members, problems)
        step = verb == .cancel ? nil : reader?.text("step", .optional, .step)
        reason = reader?.text("reason", .required, .reason) ?? ""
        try problems.check()
    }
}
