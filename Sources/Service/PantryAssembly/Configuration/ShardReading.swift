import PostgresDriver

extension SettingReader {
    /// The shards of the file, else the one by default. Paths are still as written.
    mutating func shards() -> [PantryConfiguration.Shard] {
        guard let node = node(at: ShardSchema.list.path) else { return [defaultShard()] }
        guard case .sequence(let entries) = node.content, !entries.isEmpty else {
            let found = if case .sequence = node.content { "an empty one" } else { node.kind }
            note(place(node.position), "shards", nil, "must be a list of at least one shard, not \(found)")
            return []
        }
        var shards: [PantryConfiguration.Shard] = []
        var names: Set<String> = []
        for (index, entry) in entries.enumerated() {
            let path = "shards[\(index)]"
            guard case .mapping(let members) = entry.content else {
                note(place(entry.position), path, nil, "must be a mapping with name and primary, not \(entry.kind)")
                continue
            }
            UnknownNames.note(in: members, known: ShardSchema.members, at: path, into: &self)
            let shard = shard(entry, at: path)
            if !shard.name.isEmpty, !names.insert(shard.name).inserted {
                note(origin(of: "\(path).name"), "\(path).name", shard.name, "is another shard's name already")
            }
            shards.append(shard)
        }
        if entries.count > 1 {
            note(
                place(entries[1].position), "shards", nil,
                "several shards are not supported by this version yet; keep one")
        }
        return shards
    }

    private mutating func shard(_ entry: DocumentNode, at path: String) -> PantryConfiguration.Shard {
        let shard = PantryConfiguration.Shard(
            name: member(ShardSchema.name, of: entry, at: path) ?? ShardSchema.name.fallback,
            primary: member(ShardSchema.primary, of: entry, at: path) ?? ShardSchema.primary.fallback,
            replicas: member(ShardSchema.replicas, of: entry, at: path) ?? [],
            organizations: member(ShardSchema.organizations, of: entry, at: path) ?? nil,
            region: member(ShardSchema.region, of: entry, at: path) ?? nil)
        checkServers(of: shard, at: path)
        return shard
    }

    private mutating func checkServers(of shard: PantryConfiguration.Shard, at path: String) {
        if shard.replicas.isEmpty { return }
        let place = "\(path).replicas"
        guard shard.primary.isShared else {
            note(
                origin(of: place), place, nil,
                "needs a primary on PostgreSQL: a SQLite file has no replicas; set primary to postgres://… or use []")
            return
        }
        var servers: Set<String> = []
        for url in [shard.primary] + shard.replicas {
            guard case .postgres(let text) = url, let configuration = try? PostgresConfiguration(url: text) else {
                continue
            }
            for host in configuration.hosts where !servers.insert(host.description).inserted {
                note(origin(of: place), place, nil, "names the server \(host) twice; each server belongs there once")
            }
        }
    }

    private mutating func defaultShard() -> PantryConfiguration.Shard {
        let values = ["shard-0", "sqlite:shard-0.db", "[]", nil, nil]
        for (name, value) in zip(ShardSchema.members, values) {
            add(Setting(path: "shards[0].\(name)", value: value, origin: .builtIn))
        }
        return PantryConfiguration.Shard(
            name: "shard-0", primary: .sqlite(path: "shard-0.db"), replicas: [], organizations: nil, region: nil)
    }
}
