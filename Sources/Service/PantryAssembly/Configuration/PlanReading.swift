extension SettingReader {
    /// The default plans, and those of the file added to them or in the place of one of the same name.
    mutating func plans() -> [String: PantryConfiguration.Plan] {
        var written: [DocumentMember] = []
        if let node = node(at: PlanSchema.plans.path) {
            if case .mapping(let members) = node.content {
                written = members
            } else {
                note(place(node.position), PlanSchema.plans.path, nil, "must be a mapping of plans, not \(node.kind)")
            }
        }
        var plans: [String: PantryConfiguration.Plan] = [:]
        for (name, plan) in PlanSchema.defaults where !written.contains(where: { $0.name == name }) {
            plans[name] = plan
            addSettings(of: plan, named: name)
        }
        for member in written { plans[member.name] = plan(member) }
        return plans
    }

    private mutating func plan(_ member: DocumentMember) -> PantryConfiguration.Plan {
        let path = "\(PlanSchema.plans.path).\(ValueDisplay.printable(member.name))"
        do {
            _ = try ValueFormat<String>.name.parse(member.name)
        } catch {
            note(place(member.position), path, nil, "a plan's name \(error.message)")
        }
        guard case .mapping(let members) = member.value.content else {
            note(
                place(member.value.position), path, nil,
                "must be a mapping with requests and orders, or {} for no limits, not \(member.value.kind)")
            return PantryConfiguration.Plan()
        }
        UnknownNames.note(in: members, known: PlanSchema.members, at: path, into: &self)
        if members.isEmpty { add(Setting(path: path, value: "{}", origin: place(member.value.position))) }
        return PantryConfiguration.Plan(
            requests: rule(PlanSchema.requests, in: members, at: path),
            orders: rule(PlanSchema.orders, in: members, at: path))
    }

    private mutating func rule(
        _ rule: PlanSchema.Rule, in members: [DocumentMember], at planPath: String
    ) -> PantryConfiguration.LimitRule? {
        guard let node = members.first(where: { $0.name == rule.entry.name })?.value else { return nil }
        let path = "\(planPath).\(rule.entry.name)"
        guard case .mapping(let members) = node.content else {
            note(place(node.position), path, nil, "must be a mapping with \(rule.entry.type), not \(node.kind)")
            return nil
        }
        UnknownNames.note(in: members, known: rule.members, at: path, into: &self)
        let names = Set(members.map(\.name))
        let isWindow = !names.isDisjoint(with: ["points", "duration", "block"])
        let isBucket = !names.isDisjoint(with: ["capacity", "refill"])
        guard isWindow != isBucket else {
            let reason = isWindow ? "mixes two forms" : "is empty"
            note(place(node.position), path, nil, "\(reason): give points and duration, or capacity and refill")
            return nil
        }
        if isWindow {
            let points = member(rule.points.required(), of: node, at: path)
            let duration = member(rule.duration.required(), of: node, at: path)
            let block = names.contains("block") ? member(rule.block, of: node, at: path) ?? nil : nil
            guard let points, let duration else { return nil }
            return .fixedWindow(points: points, duration: duration, block: block)
        }
        let capacity = member(rule.capacity.required(), of: node, at: path)
        let refill = member(rule.refill.required(), of: node, at: path)
        guard let capacity, let refill else { return nil }
        return .tokenBucket(capacity: capacity, refill: refill)
    }

    private mutating func addSettings(of plan: PantryConfiguration.Plan, named name: String) {
        let path = "\(PlanSchema.plans.path).\(name)"
        if plan == PantryConfiguration.Plan() { add(Setting(path: path, value: "{}", origin: .builtIn)) }
        for (kind, rule) in [(PlanSchema.requests, plan.requests), (PlanSchema.orders, plan.orders)] {
            guard let rule else { continue }
            for (member, value) in rule.members {
                add(Setting(path: "\(path).\(kind.entry.name).\(member)", value: value, origin: .builtIn))
            }
        }
    }
}

extension PantryConfiguration.LimitRule {
    /// The members as a file would write them.
    fileprivate var members: [(name: String, value: String)] {
        switch self {
        case .fixedWindow(let points, let duration, let block):
            [("points", "\(points)"), ("duration", DurationText.format(duration))]
                + (block.map { [("block", DurationText.format($0))] } ?? [])
        case .tokenBucket(let capacity, let refill):
            [("capacity", "\(capacity)"), ("refill", "\(refill)")]
        }
    }
}
