"""What a workflow costs the database: differences of PostgreSQL's counters, less those of an idle run of the same length."""

import json
import time

COUNTERS = """
SELECT json_build_object(
  'transactions', d.xact_commit, 'rollbacks', d.xact_rollback, 'inserted', t.inserted, 'updated', t.updated,
  'deleted', t.deleted, 'walRecords', w.wal_records, 'walBytes', w.wal_bytes, 'walSyncs', w.wal_sync)
FROM pg_stat_database d, pg_stat_wal w,
  (SELECT coalesce(sum(n_tup_ins), 0) inserted, coalesce(sum(n_tup_upd), 0) updated, coalesce(sum(n_tup_del), 0) deleted
   FROM pg_stat_user_tables) t
WHERE d.datname = current_database()
"""
OTHERS = "SELECT count(*) FROM pg_stat_activity WHERE datname = '{0}' AND backend_type = 'client backend'"


def read(postgres, database):
    """The counters once the contender's connections have ended: a backend hands in what it counted when it ends."""
    deadline = time.monotonic() + 30
    while int(postgres.sql(OTHERS.format(database))):
        if time.monotonic() > deadline:
            raise RuntimeError(f"somebody stays connected to {database}")
        time.sleep(0.05)
    return json.loads(postgres.sql(COUNTERS, database)) | {"postgresMicros": postgres.cpu_micros()}


def around(postgres, database, body):
    before = read(postgres, database)
    answer = body()
    after = read(postgres, database)
    return answer, {name: after[name] - before[name] for name in before}


def per_workflow(postgres, contender, database, workflows, **request):
    """For each counter what one workflow adds to it, and the run's own figures. Both runs start, warm up and end alike,
    so that only the counted workflows are left of the difference."""
    request |= {"url": postgres.url(database)}
    # The first start makes the tables.
    contender.ask(command="idle", seconds=0, **request)
    # Autovacuum's work would be counted as the contender's.
    postgres.configure("autovacuum", "off")
    try:
        figures, run = around(
            postgres, database, lambda: contender.ask(command="measure", workflows=workflows, **request))
        if figures["workflows"] != workflows:
            raise RuntimeError(f"{contender.name} ran {figures['workflows']} workflows, not {workflows}")
        _, idle = around(
            postgres, database, lambda: contender.ask(command="idle", seconds=figures["seconds"], **request))
    finally:
        postgres.configure("autovacuum", None)
    counts = {name: (run[name] - idle[name]) / workflows for name in run}
    return counts | {"ownMicros": figures["cpuSeconds"] * 1e6 / workflows, "seconds": figures["seconds"]}
