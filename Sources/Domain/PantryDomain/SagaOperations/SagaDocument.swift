import Determinism
import Sagas
import StrictJSON

/// What of a saga is shown only where one is asked for.
struct SagaDetail: Sendable {
    var history: [SagaLogEntry]
    var reading: SagaReading
    var lease: SagaWorkerLease?
    var locks: [SagaLockRecord]
}

/// A saga as operators see it.
struct SagaDocument: Sendable {
    var saga: SagaRecord
    var organization: OrganizationID
    var possible: [SagaDirective]
    var nextTryAt: Timestamp?
    var detail: SagaDetail?

    /// The verbs of these directives, each once.
    static func verbs(_ directives: [SagaDirective]) -> [String] {
        SagaDirective.Verb.allCases.filter { verb in directives.contains { $0.verb == verb } }.map(\.rawValue)
    }

    var json: String {
        var json = JSONWriter(capacity: 768 + 192 * (detail?.history.count ?? 0))
        json.object { json in
            json.member("id", saga.id.description)
            json.member("organizationId", organization.description)
            json.member("orderId", OrderID(saga.subject).description)
            json.member("definition", saga.definition)
            json.member("version", saga.definitionVersion)
            json.member("status", saga.state.rawValue)
            json.member("step", saga.step)
            json.member("attempts", saga.attempts)
            json.member("nextTryAt", nextTryAt?.rfc3339)
            json.member("reason", saga.reason)
            json.member("startedAt", saga.createdAt.rfc3339)
            json.member("updatedAt", saga.updatedAt.rfc3339)
            json.member("deadline", saga.deadline?.rfc3339)
            json.member(
                "allowed", array: { list in for verb in Self.verbs(possible) { list.value(verb) } })
            if let detail { write(detail, to: &json) }
        }
        return json.string()
    }

    private func write(_ detail: SagaDetail, to json: inout JSONWriter) {
        json.member("direction", detail.reading.isBackward ? "backward" : "forward")
        json.member("epoch", saga.epoch)
        json.member("leaseUntil", saga.leaseUntil.rfc3339)
        if let owner = saga.owner {
            json.member(
                "worker",
                object: { json in
                    json.member("id", owner.description)
                    json.member("startedAt", detail.lease?.startedAt.rfc3339)
                    json.member("leaseUntil", detail.lease?.leaseUntil.rfc3339)
                })
        } else {
            json.member("worker", raw: "null")
        }
        json.member(
            "steps", array: { list in for step in detail.reading.steps { list.object { write(step, to: &$0) } } })
        json.member(
            "locks", array: { list in for lock in detail.locks { list.object { write(lock, to: &$0) } } })
        json.member(
            "history", array: { list in for entry in detail.history { list.object { write(entry, to: &$0) } } })
    }

    private func write(_ step: SagaReading.Step, to json: inout JSONWriter) {
        json.member("step", step.name)
        json.member("status", step.status.rawValue)
        json.member("attempts", step.attempts)
        json.member("since", step.since?.rfc3339)
        json.member("nextTryAt", step.nextTryAt?.rfc3339)
        json.member(
            "allowed",
            array: { list in
                for verb in Self.verbs(possible.filter { $0.step == step.name }) { list.value(verb) }
            })
    }

    private func write(_ lock: SagaLockRecord, to json: inout JSONWriter) {
        json.member("resource", lock.resource)
        json.member("isHeld", lock.holder == saga.id)
        json.member("holder", lock.holder.description)
        json.member("since", lock.since.rfc3339)
        json.member("waiting", array: { list in for id in lock.waiting { list.value(id.description) } })
    }

    private func write(_ entry: SagaLogEntry, to json: inout JSONWriter) {
        json.member("entry", entry.entry)
        json.member("at", entry.at.rfc3339)
        json.member("step", entry.step)
        json.member("event", entry.kind.rawValue)
        json.member("attempt", entry.attempt)
        json.member("epoch", entry.epoch)
        json.member("detail", entry.detail)
    }
}
