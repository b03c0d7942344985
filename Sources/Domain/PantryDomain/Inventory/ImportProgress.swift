import Determinism
import Storage
import StrictJSON

/// A place in the bytes of an import, between two rows: how many bytes come before it, and their digest, by which
/// a repeat is known to bring the same ones.
package struct ImportPlace: Sendable, Hashable {
    package var bytes: Int64
    package var digest: String
    package init(bytes: Int64, digest: String) { (self.bytes, self.digest) = (bytes, digest) }

    package static let start = ImportPlace(bytes: 0, digest: "")
}

/// How far an import with an idempotency key has come. It is stored in the key's row with every chunk of rows, so that
/// a repeat goes on where the last one that is durable ended.
package struct ImportProgress: Sendable, Hashable {
    /// Which request is at work: the number rises when a repeat takes over, and the one before it changes nothing any
    /// more.
    package var attempt: Int64
    package var place: ImportPlace
    package var tally: ImportTally

    package init(attempt: Int64, place: ImportPlace, tally: ImportTally) {
        (self.attempt, self.place, self.tally) = (attempt, place, tally)
    }

    var document: String {
        var json = JSONWriter(capacity: 256 + tally.errors.count * 128)
        json.object { json in
            tally.write(to: &json)
            json.member("attempt", attempt)
            json.member("bytes", place.bytes)
            json.member("sha256", place.digest)
        }
        return json.string()
    }

    init?(document: String) {
        guard let object = (try? JSONReader.parse(document))?.object, let tally = ImportTally(object),
            let attempt = object["attempt"]?.integer, let bytes = object["bytes"]?.integer,
            let digest = object["sha256"]?.string
        else { return nil }
        self.init(attempt: attempt, place: ImportPlace(bytes: bytes, digest: digest), tally: tally)
    }
}

/// Begins an import under an idempotency key, or takes one over that has not ended.
package struct ClaimImport: LaneCommand {
    package enum Outcome: Sendable {
        /// Go on from there.
        case proceed(ImportProgress)
        /// It has ended already; its answer holds for the same bytes.
        case finished(ImportProgress)
        case refused(Refusal)
    }
    let organization: Int64
    let request: RequestKey
    package init(organization: Int64, request: RequestKey) {
        (self.organization, self.request) = (organization, request)
    }
    private var key: Key<IdempotencyRecord> { IdempotencyRecord.key(organization, request.scope) }

    package func needs(_ loaded: WorkingSet) -> [Need] { [.row(key)] }
    package func decide(_ work: inout WorkingSet, at now: Timestamp) -> Verdict<Outcome> {
        guard var record = work[key] else {
            let progress = ImportProgress(attempt: 1, place: .start, tally: ImportTally())
            work.put(
                IdempotencyRecord(
                    organization: organization, request: request, now: now, state: .running,
                    answer: Answer(kind: .ok, document: progress.document)))
            return .commit(.proceed(progress))
        }
        guard record.fingerprint == request.fingerprint, let document = record.document,
            var progress = ImportProgress(document: document)
        else { return .discard(.refused(.keyReused)) }
        if record.state == .settled { return .discard(.finished(progress)) }
        progress.attempt += 1
        record.document = progress.document
        work.put(record)
        return .commit(.proceed(progress))
    }
}
