"""`Benchmarks/run postgres`: the server and its lane on PostgreSQL, beside pgbench on the same PostgreSQL server, in turns."""

import argparse
import json
import os
import re
import shutil
import signal
import statistics as median_of
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from . import load, machine, peer, rounds, statements
from .account import Costs
from .pgbench import Script
from .postgres import SETTINGS, Postgres
from .report import Report, spread
from .rounds import Calm, Side, ratios
from .server import Server

HERE = Path(__file__).resolve().parent.parent
PARTS = ["order", "hot", "lane", "driver", "pool"]
PRODUCTS = 2_000
CLIENTS = 64
SLOWEST = """
SELECT round((total_exec_time * 1000 / {0})::numeric, 1), round(calls / {0}.0, 3), round(rows / {0}.0, 2),
  left(regexp_replace(query, '\\s+', ' ', 'g'), 110)
FROM pg_stat_statements WHERE query !~ '^ALTER|pg_reload|pg_stat' ORDER BY total_exec_time DESC LIMIT 30
"""


def build(parts):
    if {"order", "hot"} & set(parts):
        subprocess.run(["swift", "build", "-c", "release", "--product", "pantry"], cwd=machine.ROOT, check=True, stdout=2)
    for product, users in (("LaneBenchmark", {"lane", "hot"}), ("PostgresDriverBenchmark", {"driver"}),
                           ("ConnectionPoolingBenchmark", {"pool"})):
        if users & set(parts):
            subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=HERE, check=True, stdout=2)
    return machine.ROOT / ".build" / "release" / "pantry"


def quiet(server):
    """Waits until the server has done what an order leaves behind, such as stamping its events."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        before = server.cpu_micros()
        time.sleep(0.5)
        if server.cpu_micros() - before <= 30_000:
            return


class Suite:
    def __init__(self, options, report, scratch, binary):
        self.options, self.report, self.scratch, self.binary = options, report, scratch, binary
        self.postgres = Postgres(scratch)
        self.server, self.key, self.runs = None, None, 0

    # MARK: the server over HTTP

    def open_shop(self):
        """A shop on the server, and a copy of its shard for pgbench, with the books' tables in it: a client of pgbench has
        one connection."""
        postgres = self.postgres
        for database in ("control", "shard_0"):
            postgres.sql(f"CREATE DATABASE {database}")
        settings = lambda url: {"control": {"url": url("control")}, "shards": [{"name": "shard-0", "primary": url("shard_0")}]}
        directory = Path(self.scratch) / "pantry"
        directory.mkdir()
        self.server = Server(self.binary, directory, settings(postgres.plain_url)).start()
        self.key = self.server.new_shop(PRODUCTS)
        self.heard, self.beside = statements.heard(postgres, self.server, self.key)
        self.server.stop()
        postgres.sql("CREATE DATABASE peer TEMPLATE shard_0")
        postgres.sql("DELETE FROM orders; DELETE FROM outbox", "peer")
        books = subprocess.run(
            [postgres.programs / "pg_dump", "-s", "-t", "operations", "-t", "entries", "control"], capture_output=True,
            text=True, check=True, env=postgres.environment()).stdout
        postgres.sql(books, "peer")
        for database in ("control", "shard_0", "peer"):
            postgres.sql("VACUUM ANALYZE", database)
        self.server = Server(self.binary, directory, settings(postgres.url)).start()
        self.compare()

    def compare(self):
        if self.options.write_statements:
            statements.PUBLISHED.write_text(statements.listing(self.heard))
        lines = statements.difference(self.heard)
        if lines:
            sys.exit("\n".join(["what an order executes is not what docs/order-statements-postgres.sql says "
                                "(--write-statements writes it anew):", *lines]))

    def orders(self, products):
        """One round of our server."""
        quiet(self.server)
        self.runs += 1
        before = self.server.metric_of("pantry_lane_batch_commands", "shard-0")
        with Costs(self.postgres, self.server) as costs:
            figures = load.orders(self.server, self.key, products, CLIENTS, self.options.seconds, f"run-{self.runs}")
        after = self.server.metric_of("pantry_lane_batch_commands", "shard-0")
        figures["batch"] = (after[0] - before[0]) / (after[1] - before[1])
        return figures | costs.per(figures["requests"])

    def script(self, name, database, text, counts):
        """A side of pgbench with its best client count."""
        made = Script(self.postgres, database, name, text, self.scratch)
        rates = made.calibrate(counts, self.options.trial, Calm(self.options))
        tried = ", ".join(f"{rate:.0f} with {count}" for count, rate in rates.items())
        self.report.add(f"- {name}: {made.clients} clients are best ({tried} /s)")
        return Side(name, lambda: made.run(made.clients, self.options.seconds))

    def order(self):
        report = self.report
        report.add(f"## Orders over HTTP: {CLIENTS} keep-alive clients, three lines of {PRODUCTS} products, paid through the sandbox")
        report.add()
        report.conditions(self.scratch)
        ours = Side("Pantry over HTTP", lambda: self.orders(PRODUCTS))
        values = peer.Values(self.heard)
        of = lambda form, commits=3: peer.script(self.heard, values, 1, PRODUCTS, form, commits)
        load.orders(self.server, self.key, PRODUCTS, CLIENTS, self.options.warm, "warm")
        counts = [8, 16, 32]
        sent = self.script("pgbench, the statements as sent", "peer", of(peer.as_sent), counts)
        hand = self.script("pgbench, written by hand", "peer", of(peer.by_hand), counts)
        single = self.script("pgbench, by hand, one commit", "peer", of(peer.by_hand, 1), [16, 32])
        report.add()
        self.play([ours, sent, hand, single])
        self.verdict("Pantry ÷ the better of pgbench's two with the order's three commits", ratios(ours, [sent, hand]), 1.0)
        self.verdict("Pantry ÷ pgbench with one commit for everything, which promises less", ratios(ours, [single]), None)
        batches = [figures["batch"] for figures in ours.rounds]
        report.add(f"Commands in a batch of the shard's lane: {spread(batches, 1)}.")
        self.count_trips()
        report.add()
        report.conditions(self.scratch)

    def count_trips(self):
        """Requests sent to PostgreSQL, transactions and statements for an order, in a round of its own."""
        quiet(self.server)
        lone = [self.sends(lambda: statements.place(self.server, self.key, f"alone-{n}")) for n in range(7)]
        before = self.transactions()
        self.postgres.configure("pg_stat_statements.track", "all")
        self.postgres.sql("SELECT pg_stat_statements_reset()", "shard_0")
        figures = {}
        sent = self.sends(lambda: figures.update(
            load.orders(self.server, self.key, PRODUCTS, CLIENTS, self.options.trial, "trips")))
        self.postgres.configure("pg_stat_statements.track", None)
        orders = figures["requests"]
        calls = self.postgres.sql(f"SELECT round(sum(calls) / {orders}.0, 2) FROM pg_stat_statements", "shard_0")
        self.report.add(
            f"For an order over HTTP under this load: {sent / orders:.2f} requests sent to PostgreSQL (a request is a round trip), "
            f"{(self.transactions() - before) / orders:.2f} transactions, {calls} statements. For a lone order: "
            f"{median_of.median(lone):.0f} requests, {len(self.heard)} transactions, "
            f"{sum(len(t.statements) + 2 for t in self.heard)} statements; what stamps its events included in the requests.")
        self.slowest = self.postgres.sql(SLOWEST.format(orders), "shard_0")

    def sends(self, body):
        """How many requests the server sent to PostgreSQL meanwhile: libpq calls `send`, HTTP's sockets are written to."""
        watch = subprocess.Popen(
            ["perf", "stat", "-x", ",", "-e", "syscalls:sys_enter_sendto", "-p", str(self.server.process.pid)],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            time.sleep(0.3)
            body()
        finally:
            watch.send_signal(signal.SIGINT)
            text = watch.communicate()[1]
        found = re.search(r"^(\d+),", text, re.MULTILINE)
        return int(found.group(1)) if found else float("nan")

    def transactions(self):
        return int(self.postgres.sql("SELECT sum(xact_commit) FROM pg_stat_database WHERE datname IN ('shard_0', 'control')"))

    # MARK: one product

    def hot(self):
        report = self.report
        report.add("## All orders on one product")
        report.add()
        report.conditions(self.scratch)
        counts = [2, 4, 8]
        http = Side("Pantry over HTTP, whole orders", lambda: self.orders(1))
        lane = Side("the lane, without HTTP", lambda: self.lane_run(1))
        shard = self.script("pgbench in the shard's tables", "peer",
                            peer.hot_script(self.heard, peer.Values(self.heard), "p-1"), counts)
        small = self.script("pgbench in the lane's tables", "lane",
                            peer.hot_script(self.lane_heard, self.lane_values, "p-0"), counts)
        report.add()
        load.orders(self.server, self.key, 1, CLIENTS, 2, "warm-hot")
        self.play([http, shard, lane, small])
        self.verdict("the lane ÷ pgbench in the same tables", ratios(lane, [small]), 5.0)
        self.verdict("Pantry over HTTP ÷ pgbench in the shard's tables", ratios(http, [shard]), 5.0)
        report.add("pgbench: the order's row, then `UPDATE stock SET reserved = reserved + 1 … AND on_hand - reserved >= 1`, one "
                   "commit. The lane's command also keeps an idempotency key and an event; an order over HTTP is three transactions.")
        report.add()
        report.conditions(self.scratch)

    # MARK: the lane alone

    def open_lane(self):
        self.postgres.sql("CREATE DATABASE lane")
        self.lane_run(3, seconds=1, callers=1)
        self.postgres.configure("log_statement", "all")
        begin = self.postgres.log.stat().st_size
        self.lane_run(3, seconds=1, callers=1, url=self.postgres.plain_url("lane"))
        self.postgres.configure("log_statement", None)
        with open(self.postgres.log, "rb") as log:
            log.seek(begin)
            heard, _ = statements.parse(log.read().decode())
        # One from the middle: prepared, and like all others.
        self.lane_heard = [heard[len(heard) // 2]]
        inserts = {s.text.split(" ")[2]: s for s in self.lane_heard[0].statements if s.text.startswith("INSERT INTO")}
        key = peer.elements(inserts["keys"], 1)[0]
        skus = re.findall(r"p-\d+", next(s for s in self.lane_heard[0].statements if " stock " in s.text).parameters[1])
        self.lane_values = peer.Values(self.lane_heard, key, skus)
        self.postgres.sql("VACUUM ANALYZE", "lane")

    def lane_run(self, lines, seconds=None, callers=CLIENTS, url=None):
        with Costs(self.postgres) as costs:
            out = subprocess.run(
                [HERE / ".build/release/LaneBenchmark", url or self.postgres.url("lane"), str(callers),
                 str(seconds or self.options.seconds), str(lines)], capture_output=True, text=True)
        if out.returncode:
            raise RuntimeError(f"the lane's benchmark failed: {out.stderr[-2000:]}")
        figures = json.loads(out.stdout)
        return figures | costs.per(figures["withWarmUp"]) | {"serverCPU": figures["cpuMicros"], "loadCPU": 0}

    def lane(self):
        report = self.report
        report.add(f"## The lane without HTTP: three-line commands of {CLIENTS} callers, a transaction for each order in pgbench")
        report.add()
        report.conditions(self.scratch)
        ours = Side("the lane", lambda: self.lane_run(3))
        of = lambda form: peer.script(self.lane_heard, self.lane_values, 0, PRODUCTS - 1, form)
        sent = self.script("pgbench, the statements as sent", "lane", of(peer.as_sent), [4, 8, 16])
        hand = self.script("pgbench, written by hand", "lane", of(peer.by_hand), [4, 8, 16])
        report.add()
        self.play([ours, sent, hand])
        self.verdict("the lane ÷ the better of pgbench's two", ratios(ours, [sent, hand]), 2.5)
        report.add(f"Commands in a batch: {spread([figures['batch'] for figures in ours.rounds], 1)}.")
        report.add()
        report.add("The transaction of one command:")
        report.add()
        report.add("```sql")
        for statement in self.lane_heard[0].statements:
            report.add(statement.text + ";")
        report.add("```")
        report.add()
        report.conditions(self.scratch)

    # MARK: the driver and the pool

    def tool(self, title, *command):
        self.report.add(f"## {title}")
        self.report.add()
        self.report.conditions(self.scratch)
        out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        self.report.add("```")
        self.report.add(out.strip())
        self.report.add("```")
        self.report.add()

    def driver(self):
        self.tool("The driver alone: selects by primary key (bar: 1.5 times pgbench -S)",
                  HERE / ".build/release/PostgresDriverBenchmark", str(self.options.rounds), "4", str(CLIENTS),
                  "1 connection(s), a Sync for many, 2|2 connection(s), a Sync for many|pgbench")

    def pool(self):
        self.tool("A lease and its return (bar: 1 µs uncontended)", HERE / ".build/release/ConnectionPoolingBenchmark")

    # MARK: the page

    def play(self, sides):
        rounds.play(self.report, sides, self.options)

    def verdict(self, what, values, bar):
        rounds.verdict(self.report, what, values, bar)

    def run(self, parts):
        try:
            self.postgres.start()
            self.postgres.sql("CREATE EXTENSION pg_stat_statements", "template1")
            self.report.add(f"- PostgreSQL {self.postgres.version()}, one server for both sides, on "
                            f"{machine.filesystem(self.scratch)}: {', '.join(f'{k} = {v}' for k, v in SETTINGS.items())}; the rest "
                            "at its defaults (fsync, synchronous_commit, full_page_writes and autovacuum on)")
            self.report.add()
            if {"order", "hot"} & set(parts):
                self.open_shop()
            if {"lane", "hot"} & set(parts):
                self.open_lane()
            for part in PARTS[:3]:
                if part in parts:
                    getattr(self, part)()
            if "order" in parts:
                self.report.add("## Where PostgreSQL's time for an order goes (shard and control; µs, calls and rows for an order)")
                self.report.add()
                self.report.add("```")
                self.report.add(self.slowest)
                self.report.add("```")
                self.report.add()
        finally:
            if self.server:
                self.server.stop()
            if self.options.keep:
                shutil.copy(self.postgres.log, self.options.keep)
            self.postgres.stop()
        for part in PARTS[3:]:
            if part in parts:
                getattr(self, part)()


def main(arguments):
    parser = argparse.ArgumentParser(prog="Benchmarks/run postgres", description=__doc__)
    parser.add_argument("--only", default=",".join(PARTS), help=f"of {', '.join(PARTS)}")
    parser.add_argument("--binary", type=Path, help="that server; with it nothing is built")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=8, help="of each round")
    parser.add_argument("--trial", type=int, default=4, help="seconds to try each client count of pgbench")
    parser.add_argument("--warm", type=int, default=10, help="seconds before the first round")
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait before a run for others to be quiet")
    parser.add_argument("--repeats", type=int, default=8, help="how many runs of a part that others disturbed may be done again")
    parser.add_argument("--minutes", type=float, default=30, help="after which a part begins no further round")
    parser.add_argument("--write-statements", action="store_true", help="publish what an order executes now")
    parser.add_argument("--keep", help="where to copy PostgreSQL's log to")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    parts = [part for part in options.only.split(",") if part]
    if set(parts) - set(PARTS):
        sys.exit(f"unknown parts: {', '.join(set(parts) - set(PARTS))}; the parts are: {', '.join(PARTS)}")
    for program in ("wrk", "pgbench", "perf"):
        if shutil.which(program) is None:
            sys.exit(f"{program} is missing; as root, run: apt-get update && apt-get install -y wrk postgresql-15 linux-perf")
    binary = options.binary or build(parts)
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report, facts = Report(), machine.describe()
    report.add(f"# The PostgreSQL tier beside pgbench, {facts['date'][:10]}")
    report.add()
    for name, value in facts.items():
        if name != "sqlite":
            report.add(f"- {name}: {value}")
    report.add(f"- command: `{' '.join(['Benchmarks/run', 'postgres', *arguments])}`; load average before: {os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory(prefix="pantry-bench-") as scratch:
        Suite(options, report, scratch, binary).run(parts)
    report.add(f"Load average after: {os.getloadavg()[0]:.2f}.")
    output = options.output or HERE / "results" / f"{facts['date'][:10]}-postgres.md"
    output.write_text("\n".join(report.lines).rstrip() + "\n")
    print(f"written: {output}", file=sys.stderr)
