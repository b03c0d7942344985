import Determinism
import Sagas
import StrictJSON

/// What every saga of an order carries from the request that began it.
package struct SagaInput: Sendable, Hashable {
    package var organizationID: OrganizationID
    package var traceparent: String?
    /// The refund that a cancel or refund saga carries out.
    package var refund: RefundID?

    package init(organizationID: OrganizationID, traceparent: String?, refund: RefundID? = nil) {
        (self.organizationID, self.traceparent, self.refund) = (organizationID, traceparent, refund)
    }
    package var json: String {
        var json = JSONWriter()
        json.object(write)
        return json.string()
    }
    func write(to json: inout JSONWriter) {
        json.member("organizationId", organizationID.description)
        json.member("traceparent", traceparent)
        json.member("refund", refund?.description)
    }
    /// Reads what ``json`` wrote; nil when the row holds something else.
    package init?(json text: String) {
        guard let object = (try? JSONReader.parse(text))?.object else { return nil }
        self.init(object)
    }
    init?(_ object: JSONObject) {
        guard let id = object["organizationId"]?.string.flatMap({ OrganizationID($0) }) else { return nil }
        self.init(
            organizationID: id, traceparent: object["traceparent"]?.string,
            refund: object["refund"]?.string.flatMap { RefundID($0) })
    }
}
