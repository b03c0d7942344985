import PantryDomain
import StrictJSON

/// The body of an operator's decision about a circuit breaker: `{action}`.
package struct BreakerActionBody {
    package enum Action: String, Sendable, CaseIterable {
        /// Keeps calls back for as long as the breaker's settings say; then a trial call decides.
        case open
        /// Lets calls through and forgets those so far.
        case close
        /// Lets the next calls through as trials, if the circuit is open.
        case tryNow
        /// The breaker decides.
        case automatic
        /// The breaker says what it would do, and keeps nothing back.
        case observe
        /// Keeps calls back until told otherwise.
        case forceOpen
        /// Lets all calls through.
        case disable
    }
    package let action: Action

    package init(_ body: JSONValue) throws(Refusal) {
        let problems = FieldProblemList()
        let reader = ObjectReader(body, at: "", members: ["action"], problems)
        let action: Action? = reader?.choice("action", .required, Action.allCases)
        try problems.check()
        self.action = action ?? .automatic
    }
}
