import Determinism
import PantryDomain

extension Call {
    /// An id in the path. One that cannot be is unknown like any other.
    func id<Kind: IdentifierKind>(
        _ name: String, _ what: String, _: Kind.Type = Kind.self
    ) throws(Problem) -> Identifier<Kind> {
        guard let text = parameters[name], text.utf8.count <= 64, let id = Identifier<Kind>(text) else {
            throw .notFound("There is no such \(what).")
        }
        return id
    }

    /// The SKU in the path.
    func sku() throws(Problem) -> String {
        guard let text = parameters["sku"], SKU.isValid(text) else { throw .notFound("There is no such product.") }
        return text
    }

    /// The organization that calls. Routes of organizations are served to nobody else.
    func organization() throws(Problem) -> OrganizationCaller {
        guard let caller = principal?.organization else { throw .forbidden("This takes an organization's API key.") }
        return caller
    }
}
