import Storage

/// The control database: organizations, keys, the shard map and what the fleet shares.
package enum ControlSchema {
    package static let migrations = [
        Migration(
            1, "organizations, keys, shard map, fleet secrets",
            [
                """
                CREATE TABLE organizations (
                  number {int} NOT NULL PRIMARY KEY CHECK (number >= 0), id {id} NOT NULL, name TEXT NOT NULL,
                  region TEXT,
                  created_at {int} NOT NULL, plan TEXT NOT NULL, shard TEXT NOT NULL, epoch {int} NOT NULL,
                  state TEXT NOT NULL CHECK (state IN ('provisioning', 'active')), version {int} NOT NULL
                ) {table}
                """,
                "CREATE UNIQUE INDEX organizations_id ON organizations (id)",
                """
                CREATE TABLE api_keys (
                  id {id} NOT NULL PRIMARY KEY, organization {int} NOT NULL,
                  role TEXT NOT NULL CHECK (role IN ('read', 'write', 'admin')), digest TEXT NOT NULL,
                  created_at {int} NOT NULL, revoked_at {int}, version {int} NOT NULL
                ) {table}
                """,
                "CREATE INDEX api_keys_organization ON api_keys (organization, id)",
                """
                CREATE TABLE counters (
                  name TEXT NOT NULL PRIMARY KEY, value {int} NOT NULL, version {int} NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE fleet_secrets (
                  number {int} NOT NULL PRIMARY KEY, secret {bytes} NOT NULL, created_at {int} NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE shards (
                  name TEXT NOT NULL PRIMARY KEY, state TEXT NOT NULL, timeline {int} NOT NULL, epoch {int} NOT NULL,
                  created_at {int} NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE shard_map_history (
                  epoch {int} NOT NULL PRIMARY KEY, at {int} NOT NULL, organization {int}, change TEXT NOT NULL
                ) {table}
                """,
                """
                CREATE TABLE leases (
                  name TEXT NOT NULL PRIMARY KEY, owner TEXT NOT NULL, epoch {int} NOT NULL, until {int} NOT NULL
                ) {table}
                """,
                IdempotencySchema.table,
                IdempotencySchema.index,
            ]),
        Migration(
            2, "the valid timeline of each shard",
            [
                """
                CREATE TABLE shard_timelines (
                  shard TEXT NOT NULL PRIMARY KEY, system_identifier TEXT NOT NULL, timeline {int} NOT NULL,
                  primary_server TEXT NOT NULL, changed_at {int} NOT NULL
                ) {table}
                """
            ]),
        Migration(
            3, "which installation it is",
            [
                """
                CREATE TABLE installation (
                  one {int} NOT NULL PRIMARY KEY CHECK (one = 1), id TEXT NOT NULL, made_at {int} NOT NULL
                ) {table}
                """
            ]),
    ]
}
