import StrictJSON
import Tracing

/// OTLP/JSON, version 1: an ExportTraceServiceRequest on one line. Ids are hex, 64-bit numbers are strings, as the
/// protocol's JSON mapping has them.
enum TraceRequest {
    static func json(_ batch: SpanBatch, _ resource: TraceResource) -> [UInt8] {
        var json = JSONWriter(capacity: 512 * batch.count + 512)
        json.object { json in
            json.member(
                "resourceSpans",
                array: { json in
                    json.object { json in
                        json.member(
                            "resource",
                            object: { json in
                                let known = resource.attributes.map { KeyValue(key: $0.key, value: .text($0.value)) }
                                attributes(known[...], into: &json)
                            })
                        json.member("scopeSpans", array: { json in scopeSpans(batch, resource, into: &json) })
                    }
                })
        }
        return json.bytes
    }

    private static func scopeSpans(_ batch: SpanBatch, _ resource: TraceResource, into json: inout JSONWriter) {
        json.object { json in
            json.member(
                "scope",
                object: { json in
                    json.member("name", resource.scope)
                    json.member("version", resource.scopeVersion)
                })
            json.member(
                "spans",
                array: { json in
                    var rest = batch.attributes[...]
                    for span in batch.spans {
                        let own = rest.prefix(span.attributeCount)
                        rest = rest.dropFirst(span.attributeCount)
                        json.object { json in members(of: span, own, into: &json) }
                    }
                })
        }
    }

    private static func members(
        of span: SpanBatch.Span, _ known: ArraySlice<KeyValue>, into json: inout JSONWriter
    ) {
        let own = span.traceParent
        json.member("traceId", own.traceID.description)
        json.member("spanId", own.spanID.description)
        if let state = span.traceState { json.member("traceState", state.description) }
        if let parent = span.origin.parent { json.member("parentSpanId", parent.description) }
        // Bits 8 and 9 say whether the parent was another process's.
        json.member("flags", Int(own.flags) | 0x100 | (span.origin.hasRemoteParent ? 0x200 : 0))
        json.member("name", span.name)
        json.member("kind", number(of: span.origin.kind))
        json.member("startTimeUnixNano", String(span.origin.start))
        json.member("endTimeUnixNano", String(span.end))
        attributes(known, into: &json)
        if let rarities = span.rarities?.content { members(of: rarities, into: &json) }
    }

    private static func members(of rarities: SpanRarities, into json: inout JSONWriter) {
        let (events, links) = (rarities.events, rarities.links)
        if rarities.droppedAttributes > 0 { json.member("droppedAttributesCount", rarities.droppedAttributes) }
        if !events.isEmpty { json.member("events", array: { json in Self.events(events, into: &json) }) }
        if rarities.droppedEvents > 0 { json.member("droppedEventsCount", rarities.droppedEvents) }
        if !links.isEmpty { json.member("links", array: { json in Self.links(links, into: &json) }) }
        if rarities.droppedLinks > 0 { json.member("droppedLinksCount", rarities.droppedLinks) }
        guard let status = rarities.status else { return }
        json.member(
            "status",
            object: { json in
                json.member("code", status.code == .ok ? 1 : 2)
                if let message = status.message { json.member("message", message) }
            })
    }

    private static func events(_ events: [SpanEvent], into json: inout JSONWriter) {
        for event in events {
            json.object { json in
                json.member("timeUnixNano", String(event.nanosecondsSinceEpoch))
                json.member("name", event.name)
                attributes(event.attributes, into: &json)
            }
        }
    }

    private static func links(_ links: [SpanLink], into json: inout JSONWriter) {
        for link in links {
            // One that is no span's context leads nowhere.
            guard let other = link.context.openTelemetrySpan else { continue }
            json.object { json in
                json.member("traceId", other.traceParent.traceID.description)
                json.member("spanId", other.traceParent.spanID.description)
                if let state = other.traceState { json.member("traceState", state.description) }
                attributes(link.attributes, into: &json)
            }
        }
    }

    private static func number(of kind: SpanKind) -> Int {
        switch kind {
        case .internal: 1
        case .server: 2
        case .client: 3
        case .producer: 4
        case .consumer: 5
        }
    }

    // MARK: Attributes

    private static func attributes(_ attributes: SpanAttributes, into json: inout JSONWriter) {
        Self.attributes(attributes.list[...], into: &json)
    }

    /// Sorted, so that a request is the same whenever it is written.
    private static func attributes(_ list: ArraySlice<KeyValue>, into json: inout JSONWriter) {
        if list.isEmpty { return }
        var all = list.sorted { $0.key < $1.key }
        // Of a key that was set twice the last one counts; sorting is stable.
        for index in all.indices.dropLast().reversed() where all[index].key == all[index + 1].key {
            all.remove(at: index)
        }
        json.member(
            "attributes",
            array: { json in
                for attribute in all {
                    json.object { json in
                        json.member("key", attribute.key)
                        json.member("value", object: { json in value(attribute.value, into: &json) })
                    }
                }
            })
    }

    private static func value(_ value: KeyValue.Value, into json: inout JSONWriter) {
        switch value {
        case .text(let text): json.member("stringValue", text)
        case .number(let number): json.member("intValue", String(number))
        case .flag(let flag): json.member("boolValue", flag)
        case .other(let attribute): Self.value(attribute, into: &json)
        }
    }

    private static func value(_ attribute: SpanAttribute, into json: inout JSONWriter) {
        switch attribute {
        case .string(let text): json.member("stringValue", text)
        case .stringConvertible(let value): json.member("stringValue", value.description)
        case .bool(let flag): json.member("boolValue", flag)
        case .int32(let number): json.member("intValue", String(number))
        case .int64(let number): json.member("intValue", String(number))
        case .double(let number): json.member("doubleValue", raw: double(number))
        case .stringArray(let list): array(list.map { .string($0) }, into: &json)
        case .stringConvertibleArray(let list): array(list.map { .string($0.description) }, into: &json)
        case .boolArray(let list): array(list.map { .bool($0) }, into: &json)
        case .int32Array(let list): array(list.map { .int32($0) }, into: &json)
        case .int64Array(let list): array(list.map { .int64($0) }, into: &json)
        case .doubleArray(let list): array(list.map { .double($0) }, into: &json)
        default: json.member("stringValue", String(describing: attribute))
        }
    }

    private static func array(_ list: [SpanAttribute], into json: inout JSONWriter) {
        json.member(
            "arrayValue",
            object: { json in
                json.member(
                    "values",
                    array: { json in
                        for item in list { json.object { json in value(item, into: &json) } }
                    })
            })
    }

    private static func double(_ number: Double) -> String {
        if number.isFinite { return number.description }
        return number.isNaN ? #""NaN""# : number > 0 ? #""Infinity""# : #""-Infinity""#
    }
}
