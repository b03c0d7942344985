import Determinism
import Messaging
import StrictJSON

/// Something that whoever is on call should hear of.
package struct OperatorAlert: Sendable, Hashable {
    /// What happened, as in the contract's events for operators.
    package enum Kind: String, Sendable, CaseIterable {
        case circuitOpened = "circuit:opened"
        case circuitClosed = "circuit:closed"
        case sagaStuck = "saga:stuck"
        case shardUnavailable = "shard:unavailable"
    }
    package let id: EventID
    package let kind: Kind
    /// What it is about: a circuit's or a shard's name, a saga's id.
    package let subject: String
    /// One sentence for people.
    package let message: String
    package let time: Timestamp

    package init(_ kind: Kind, _ subject: String, _ message: String, id: EventID, time: Timestamp) {
        (self.kind, self.subject, self.message) = (kind, subject, message)
        (self.id, self.time) = (id, time)
    }

    /// CloudEvents 1.0 in JSON. `text` is what the incoming webhooks of chat services show.
    package var json: String {
        var json = JSONWriter(capacity: 256)
        json.object { json in
            json.member("specversion", "1.0")
            json.member("id", id.description)
            json.member("source", "/pantry")
            json.member("type", kind.rawValue)
            json.member("time", time.rfc3339)
            json.member("subject", subject)
            json.member("datacontenttype", "application/json")
            json.member("text", "\(kind.rawValue): \(message)")
            json.member("data", object: { $0.member("message", message) })
        }
        return json.string()
    }
}
