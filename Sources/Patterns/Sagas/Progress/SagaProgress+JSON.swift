import Determinism
import Storage
import StrictJSON

extension SagaProgress {
    /// As text: `{"back":true,"locks":[…],"steps":[[name, status, attempts, place, since, notBefore, isCertain,
    /// isWithdrawn, isBlocked, isUnsent], …]}`. Steps that are pending and untouched are left out.
    /// Version 0.1 wrote no `isUnsent`, and knew nothing of it.
    func stored(_ outline: SagaOutline) -> String {
        var json = JSONWriter(capacity: 64 + 48 * entries.count)
        json.object { json in
            if isBackward { json.member("back", true) }
            if !locks.isEmpty {
                json.member("locks", array: { json in for lock in locks { json.value(lock) } })
            }
            json.member(
                "steps",
                array: { json in
                    for (step, entry) in zip(outline.steps, entries) where entry != Entry() {
                        json.array { entry.write(step.name, to: &$0) }
                    }
                })
        }
        return json.string()
    }

    /// Reads what ``stored(_:)`` wrote.
    /// - Throws: ``Storage/StorageError/corrupt(_:)`` when it is something else, or names a step that the outline has
    ///   not.
    init(stored text: String, _ outline: SagaOutline) throws(StorageError) {
        guard let object = (try? JSONReader.parse(text))?.object, let steps = object["steps"]?.array else {
            throw .corrupt("“\(text)” is not a saga's progress")
        }
        self.init(outline)
        for (name, value) in object {
            switch (name, value) {
            case ("back", .bool(let isBackward)): self.isBackward = isBackward
            case ("locks", .array(let locks)):
                self.locks = locks.compactMap(\.string)
                guard self.locks.count == locks.count else { throw .corrupt("“\(text)” has locks that are no texts") }
            case ("steps", _): break
            default: throw .corrupt("“\(name)” in “\(text)” is not a part of a saga's progress")
            }
        }
        var seen: Set<Int> = []
        for step in steps {
            guard let parts = step.array, let name = parts.first?.string, let entry = Entry(parts) else {
                throw .corrupt("“\(step.serialized())” is not a step's progress")
            }
            guard let index = outline.position(of: name) else {
                throw .corrupt("the saga “\(outline.name)” has no step “\(name)” in version \(outline.version)")
            }
            guard seen.insert(index).inserted else { throw .corrupt("the step “\(name)” is in “\(text)” twice") }
            entries[index] = entry
        }
    }
}

extension SagaProgress.Entry {
    fileprivate func write(_ name: String, to json: inout JSONWriter) {
        json.value(name)
        json.value(status.rawValue)
        json.value(attempts)
        json.value(place)
        json.value(since?.microseconds)
        json.value(notBefore?.microseconds)
        json.value(isCertain)
        json.value(isWithdrawn)
        json.value(isBlocked)
        json.value(isUnsent)
    }

    fileprivate init?(_ parts: [JSONValue]) {
        guard parts.count == 9 || parts.count == 10,
            let status = parts[1].string.flatMap(SagaProgress.Status.init(rawValue:)),
            let attempts = parts[2].integer, attempts >= 0, let place = parts[3].integer, place >= 0,
            let isCertain = parts[6].bool, let isWithdrawn = parts[7].bool, let isBlocked = parts[8].bool,
            parts[4].isNull || parts[4].integer != nil, parts[5].isNull || parts[5].integer != nil
        else { return nil }
        (self.status, self.attempts, self.place) = (status, Int(attempts), Int(place))
        since = parts[4].integer.map(Timestamp.init(microseconds:))
        notBefore = parts[5].integer.map(Timestamp.init(microseconds:))
        (self.isCertain, self.isWithdrawn, self.isBlocked) = (isCertain, isWithdrawn, isBlocked)
        if parts.count == 10 {
            guard let isUnsent = parts[9].bool else { return nil }
            self.isUnsent = isUnsent
        } else {
            isUnsent = false
        }
    }
}
