import Determinism
import StrictJSON

extension OutboxRecord {
    /// The event as a CloudEvents 1.0 document in JSON. `data` is embedded as it was stored.
    ///
    /// `partitionkey`, `sequence` and `traceparent` are as the extensions of that name say; `sequence` is a text there.
    /// What does not exist is left out: an attribute cannot be null.
    /// - Parameters:
    ///   - source: a URI reference. With the event's id it names the event, wherever and however often it is delivered.
    ///   - organization: the organization's public id.
    ///   - consistencyToken: with which a read sees at least what the event tells of; the attribute `consistencytoken`.
    public func cloudEvent(source: String, organization: String, consistencyToken: String? = nil) -> [UInt8] {
        var json = JSONWriter(capacity: data.utf8.count + 512)
        json.object { json in
            json.member("specversion", "1.0")
            json.member("id", id.description)
            json.member("source", source)
            json.member("type", type)
            json.member("time", time.rfc3339)
            json.member("subject", eventKey)
            json.member("organizationid", organization)
            json.member("partitionkey", eventKey)
            json.member("sequence", String(sequence))
            if let position { json.member("position", position) }
            if let traceparent { json.member("traceparent", traceparent) }
            if let consistencyToken { json.member("consistencytoken", consistencyToken) }
            json.member("data", raw: data)
        }
        return json.bytes
    }
}
