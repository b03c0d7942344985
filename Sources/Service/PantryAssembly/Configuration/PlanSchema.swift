/// The keys of `limits.plans`, which comes from the file only.
enum PlanSchema {
    typealias Plan = PantryConfiguration.Plan

    /// The plans that exist without a file; one of the same name in the file replaces one of these whole.
    static let defaults: [(name: String, plan: Plan)] = [
        (
            "trial",
            Plan(
                requests: .fixedWindow(points: 100, duration: .seconds(60), block: .seconds(60)),
                orders: .fixedWindow(points: 10, duration: .seconds(60), block: nil))
        ),
        // Addresses whose requests show no valid credentials.
        (
            PantryConfiguration.Limits.anonymousPlan,
            Plan(requests: .fixedWindow(points: 100, duration: .seconds(60), block: .seconds(60)))
        ),
        ("burst", Plan(requests: .tokenBucket(capacity: 100, refill: 10))),
        (
            "standard",
            Plan(
                requests: .fixedWindow(points: 6000, duration: .seconds(60), block: nil),
                orders: .fixedWindow(points: 1200, duration: .seconds(60), block: nil))
        ),
        ("unlimited", Plan()),
    ]

    /// The keys of one limit; either `points`, `duration` and perhaps `block`, or `capacity` and `refill`.
    struct Rule: Sendable {
        let entry: SchemaEntry
        let points: SettingKey<Int>
        let duration: SettingKey<Duration>
        let block: SettingKey<Duration?>
        let capacity: SettingKey<Int>
        let refill: SettingKey<Int>

        init(_ name: String, _ meaning: String) {
            let path = "limits.plans.*.\(name)"
            let count = ValueFormat<Int>.whole(1...1_000_000_000)
            let time = ValueFormat<Duration>.duration(.milliseconds(1) ... .seconds(315_360_000))
            entry = SchemaEntry(
                path: path, type: "points, duration, block? or capacity, refill", meaning: meaning, support: "yes")
            points = SettingKey("\(path).points", count, fallback: 1, "fixed window: how many")
            duration = SettingKey("\(path).duration", time, fallback: .zero, "fixed window: in which time")
            block = SettingKey(
                "\(path).block", PlanSchema.optional(time), fallback: nil,
                "fixed window: how long one over the limit is refused; absent: to the window's end")
            capacity = SettingKey("\(path).capacity", count, fallback: 1, "token bucket: how many at once")
            refill = SettingKey("\(path).refill", count, fallback: 1, "token bucket: how many more each second")
        }

        var entries: [SchemaEntry] {
            [entry, points.entry, duration.entry, block.entry, capacity.entry, refill.entry]
        }

        var members: [String] { entries.dropFirst().map(\.name) }
    }

    static let plans = SchemaEntry(
        path: "limits.plans", type: "mapping of plans by name (\(ValueFormat<String>.name.type))",
        defaultText: defaults.map(\.name).joined(separator: ", "),
        meaning:
            "added to the default plans, or replacing one of the same name; `{}` has no limits; `anonymous` is for "
            + "addresses whose requests show no valid credentials",
        support: "yes")
    static let requests = Rule("requests", "an organization's API requests")
    static let orders = Rule("orders", "an organization's new orders")

    static let entries = [plans] + requests.entries + orders.entries

    static let members = [requests.entry.name, orders.entry.name]

    private static func optional<Value>(_ format: ValueFormat<Value>) -> ValueFormat<Value?> {
        ValueFormat(type: format.type, support: format.support) { text throws(ValueComplaint) in
            try format.parse(text)
        }
    }
}
