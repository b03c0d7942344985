/// The keys of an entry of `shards`, which comes from the file only.
enum ShardSchema {
    static let list = SchemaEntry(
        path: "shards", type: "list of shards, at least one",
        defaultText: "[{ name: shard-0, primary: \"sqlite:shard-0.db\" }]", meaning: "the databases of the shards",
        support: "one shard")

    static let name = SettingKey(
        "shards[].name", .name, fallback: "", "the shard's name, unique"
    ).required()
    static let primary = SettingKey(
        "shards[].primary", .database, fallback: .sqlite(path: ""),
        "the shard's database; a relative path is under `data.directory`"
    ).required()
    static let replicas = SettingKey.list(
        "shards[].replicas", of: replica,
        "read replicas of a primary on PostgreSQL; who is the primary is found out, also after a failover")
    static let organizations = SettingKey(
        "shards[].organizations", .organizations, fallback: nil, "for strategy `range`: the organizations here")
    static let region = SettingKey(
        "shards[].region", .region, fallback: nil, "for strategy `region`: the region here")

    static let entries = [list, name.entry, primary.entry, replicas.entry, organizations.entry, region.entry]

    static let members = [name.entry, primary.entry, replicas.entry, organizations.entry, region.entry].map(\.name)

    private static let replica = ValueFormat<DatabaseURL>(
        type: "`postgres://…`", display: .url
    ) { text throws(ValueComplaint) in
        let url = try ValueFormat<DatabaseURL>.database.parse(text)
        guard url.isShared else { throw ValueComplaint("must be a postgres:// URL; a SQLite file has no replicas") }
        return url
    }
}
