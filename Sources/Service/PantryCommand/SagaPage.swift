import StrictJSON

/// One saga on standard output.
enum SagaPage {
    static let members = [
        "id", "organizationId", "orderId", "definition", "version", "status", "direction", "step", "attempts",
        "nextTryAt", "reason", "startedAt", "updatedAt", "deadline", "allowed",
    ]

    static func print(_ saga: JSONValue, json: Bool) throws(CommandFailure) {
        if json { return try Listing.print(saga, members, json: true) }
        try Listing.print(saga, members, json: false)
        if let worker = saga.object?["worker"]?.object {
            let until = worker["leaseUntil"]?.string ?? "over"
            try Console.out("worker  \(worker["id"]?.string ?? "-"), lease until \(until)")
        }
        try section("Steps", saga, "steps", ["step", "status", "attempts", "since", "nextTryAt", "allowed"])
        try section("Locks", saga, "locks", ["resource", "isHeld", "holder", "since", "waiting"])
        try section("History", saga, "history", ["entry", "at", "step", "event", "attempt", "epoch", "detail"])
    }

    private static func section(
        _ title: String, _ saga: JSONValue, _ name: String, _ columns: [String]
    ) throws(CommandFailure) {
        guard let rows = saga.object?[name]?.array, !rows.isEmpty else { return }
        try Console.out("\n\(title)")
        try Listing.print(rows, columns, json: false)
    }
}
