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
                                var known = AttributeBytes()
                                for (key, text) in resource.attributes { known.add(key, text) }
                                attributes(known.list, into: &json)
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
                    var attributes = AttributeBytes.Reader(batch.attributes)
                    for span in batch.spans {
                        let own = attributes.read(span.attributeCount)
                        json.object { json in members(of: span, own, into: &json) }
                    }
                })
        }
    }

    private static func members(
        of span: SpanBatch.Span, _ known: [ReadAttribute], into json: inout JSONWriter
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
        Self.attributes(AttributeBytes(attributes).list, into: &json)
    }

    /// Sorted, so that a request is the same whenever it is written.
    private static func attributes(_ list: [ReadAttribute], into json: inout JSONWriter) {
        if list.isEmpty { return }
        var all = list.sorted { $0.key.lexicographicallyPrecedes($1.key) }
        // Of a key that was set twice the last one counts; sorting is stable.
        for index in all.indices.dropLast().reversed() where all[index].key == all[index + 1].key {
            all.remove(at: index)
        }
        json.member(
            "attributes",
            array: { json in
                for attribute in all {
                    json.object { json in
                        json.member("key", utf8: attribute.key)
                        json.member("value", object: { json in value(attribute.value, into: &json) })
                    }
                }
            })
    }

    private static func value(_ value: ReadAttribute.Value, into json: inout JSONWriter) {
        switch value {
        case .text(let text): json.member("stringValue", utf8: text)
        case .number(let number): json.member("intValue", String(number))
        case .double(let number): json.member("doubleValue", raw: double(number))
        case .flag(let flag): json.member("boolValue", flag)
        case .list(let list): array(list, into: &json)
        }
    }

    private static func array(_ list: [ReadAttribute.Value], into json: inout JSONWriter) {
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
