"""`Benchmarks/run sagas`: Pantry's sagas beside DBOS on the same PostgreSQL server, in turns."""

import argparse
import os
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from . import contender, machine, rounds, saga_counts
from .account import Costs
from .postgres import SETTINGS, Postgres
from .report import Report, spread
from .rounds import OTHERS_LIMIT, Calm, Side, ratios

HERE = Path(__file__).resolve().parent.parent
PARTS = ["rates", "counts", "kill"]
SIDES = ["pantry", "dbos"]
# What DBOS may be: the best of these for a number in flight stands beside Pantry. A datasource's transactions exist for
# steps that write; a step that does nothing costs them more than a plain step.
DBOS = {
    "none": [
        {"variant": "threads"}, {"variant": "threads", "prePing": False}, {"variant": "threads", "prePing": False, "pool": 8},
        {"variant": "asyncio", "prePing": False}, {"variant": "threads", "prePing": False, "processes": 2},
        {"variant": "asyncio", "prePing": False, "processes": 2},
    ],
    "row": [
        {"variant": "threads"}, {"variant": "threads", "prePing": False}, {"variant": "asyncio", "prePing": False},
        {"variant": "datasource", "prePing": False}, {"variant": "datasource-asyncio", "prePing": False},
    ],
}
# A process of DBOS that is killed, and its successor.
KILLED = [{"variant": "threads", "prePing": False}, {"variant": "asyncio", "prePing": False}]
COUNTERS = [
    ("transactions", "transactions", 2), ("rollbacks", "rolled back", 2), ("inserted", "rows inserted", 2),
    ("updated", "updated", 2), ("deleted", "deleted", 2), ("walBytes", "WAL, bytes", 0), ("walRecords", "WAL records", 1),
    ("walSyncs", "syncs", 2), ("postgresMicros", "PostgreSQL CPU, µs", 0), ("ownMicros", "own CPU, µs", 0),
]


def dbos_name(settings):
    name = f"DBOS, {settings['variant']}"
    if "processes" in settings:
        name += f", {settings['processes']} processes"
    if "pool" in settings:
        name += f", {settings['pool']} connections"
    return name if settings.get("prePing", True) else name + ", untried connections"


class Suite:
    def __init__(self, options, report, scratch):
        self.options, self.report, self.scratch = options, report, scratch
        self.pantry = contender.pantry() if "pantry" in options.sides else None
        if "pantry" in options.sides and self.pantry is None:
            sys.exit("there is no product SagaBenchmark in Benchmarks/Package.swift; --sides dbos runs without it")
        variants = DBOS[options.work] if "dbos" in options.sides else []
        self.dbos = [contender.dbos(dbos_name(settings), **settings) for settings in variants]
        self.best = {}
        self.postgres = Postgres(scratch)

    def run(self, parts):
        try:
            self.postgres.start()
            # The settings load its library.
            self.postgres.sql("CREATE EXTENSION pg_stat_statements", "template1")
            for side in self.options.sides:
                self.postgres.sql(f"CREATE DATABASE {side}")
            settings = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
            self.report.add(f"- PostgreSQL {self.postgres.version()}, one server for both sides, each in a database of its own, "
                            f"on {machine.filesystem(self.scratch)}: {settings}; the rest at its defaults (fsync, "
                            "synchronous_commit, full_page_writes and autovacuum on)")
            self.report.add(f"- a workflow: three steps, one after the other; {WORK[self.options.work]}")
            self.report.add()
            for part in PARTS:
                if part in parts:
                    getattr(self, part)()
        finally:
            self.postgres.stop()

    # MARK: workflows a second and their latencies

    def measure(self, who, side, in_flight, seconds):
        with Costs(self.postgres) as costs:
            figures = who.ask(command="measure", url=self.postgres.url(side), inFlight=in_flight, seconds=seconds,
                              warmUp=self.warm_up(in_flight), work=self.options.work)
        count = figures["workflows"]
        return {"perSecond": count / figures["seconds"], "p50": figures["p50Ms"], "p99": figures["p99Ms"], "count": count,
                "ownMicros": figures["cpuSeconds"] * 1e6 / max(count, 1), "others": costs.per(count)["others"]}

    def warm_up(self, in_flight):
        return max(50, 4 * in_flight)

    def best_dbos(self, in_flight):
        """DBOS in the two variants that do most workflows a second here: a short trial does not tell which is the better."""
        if in_flight not in self.best:
            calm = Calm(self.options)
            tried = {}
            for who in self.dbos:
                if who.settings.get("processes", 1) > in_flight:
                    continue
                run = lambda who=who: self.measure(who, "dbos", in_flight, self.options.trial)
                tried[who] = calm.run(f"trial with {in_flight}: {who.name}", run)["perSecond"]
            self.best[in_flight] = sorted(tried, key=tried.get, reverse=True)[:2]
            shown = ", ".join(f"{who.name.removeprefix('DBOS, ')}: {rate:.0f}" for who, rate in tried.items())
            self.report.add(f"{in_flight} in flight, workflows/s in a trial of {self.options.trial} s each: {shown}.")
            self.report.add()
        return self.best[in_flight]

    def rates(self):
        for in_flight in self.options.in_flight:
            self.report.add(f"## {in_flight} in flight")
            self.report.add()
            self.report.conditions(self.scratch)
            sides = [("pantry", self.pantry)] if self.pantry else []
            # Its rivals have had a trial each by the time that the rounds begin; their tables are not new.
            for side, who in sides:
                Calm(self.options).run(f"trial with {in_flight}: {who.name}",
                                       lambda: self.measure(who, side, in_flight, self.options.trial))
            sides += [("dbos", who) for who in self.best_dbos(in_flight)] if self.dbos else []
            played = [self.side(who, side, in_flight) for side, who in sides]
            waits = Calm(self.options)
            rounds.alternate(played, self.options.rounds, waits)
            self.table(played, waits.again)
            if self.pantry and self.dbos:
                ours, *theirs = played
                rounds.verdict(self.report, "Workflows/s, Pantry ÷ the better of DBOS", ratios(ours, theirs), 5.0)
                rounds.verdict(self.report, "p50, the better of DBOS ÷ Pantry", ratios(ours, theirs, lambda f: 1 / f["p50"]), 3.0)

    def side(self, who, side, in_flight):
        return Side(who.name, lambda: self.measure(who, side, in_flight, self.options.seconds))

    def table(self, sides, again):
        self.report.add("| median (least–most) of so many runs | workflows/s | p50, ms | p99, ms | own CPU for one, µs | "
                        "others, % |")
        self.report.add("|---|---|---|---|---|---|")
        for side in sides:
            of = lambda name, digits=0: spread([figures[name] for figures in side.calm()], digits)
            others = spread([100 * figures["others"] for figures in side.calm()])
            self.report.add(f"| {side.name} ({len(side.calm())}) | {of('perSecond')} | {of('p50', 1)} | {of('p99', 1)} | "
                            f"{of('ownMicros')} | {others} |")
        self.report.add()
        self.report.add(f"Others: the share of the cores that other processes had, starts and warm-ups included; {again} runs "
                        f"were done again because that was above {100 * OTHERS_LIMIT:.0f} %.")
        self.report.add()

    # MARK: what a workflow costs the database

    def counts(self):
        self.report.add("## What a workflow costs the database")
        self.report.add()
        self.report.conditions(self.scratch)
        self.report.add(f"| in flight | | {' | '.join(title for _, title, _ in COUNTERS)} |")
        self.report.add("|---" * (len(COUNTERS) + 2) + "|")
        for in_flight in self.options.in_flight:
            counted = {}
            for side, who in self.counted(in_flight):
                counts = saga_counts.per_workflow(
                    self.postgres, who, side, self.options.counted, inFlight=in_flight, warmUp=self.warm_up(in_flight),
                    work=self.options.work)
                counted[side] = counts
                cells = " | ".join(f"{counts[name]:.{digits}f}" for name, _, digits in COUNTERS)
                self.report.add(f"| {in_flight} | {who.name} | {cells} |")
            if len(counted) == 2:
                cells = " | ".join(share(counted["dbos"][name], counted["pantry"][name]) for name, _, _ in COUNTERS)
                self.report.add(f"| {in_flight} | the last of DBOS ÷ Pantry | {cells} |")
        self.report.add()
        self.report.add(f"Differences of PostgreSQL's counters over {self.options.counted} workflows, less those of an idle run that "
                        "starts, warms up and lasts as long; autovacuum off meanwhile. A pool that tries each connection which it "
                        "lends, as DBOS' does by default, makes a transaction of that.")
        self.report.add()

    def counted(self, in_flight):
        """Pantry, DBOS by its defaults, and DBOS as it was best, or with untried connections if only that was asked for."""
        pantry = [("pantry", self.pantry)] if self.pantry else []
        variants = [self.dbos[0], *self.best.get(in_flight, self.dbos[1:2])[:1]] if self.dbos else []
        return pantry + [("dbos", who) for who in dict.fromkeys(variants)]

    # MARK: kill -9

    def kill(self):
        options = self.options
        self.report.add(f"## kill -9 with {options.running} running workflows")
        self.report.add()
        self.report.conditions(self.scratch)
        sides = [("pantry", self.pantry)] if self.pantry else []
        sides += [("dbos", contender.dbos(dbos_name(settings), **settings)) for settings in KILLED if self.dbos]
        times = {who.name: [] for _, who in sides}
        for turn in range(options.kills):
            for side, who in sides if turn % 2 == 0 else reversed(sides):
                figures = self.takeover(who, f"{side}_{len(times[who.name])}_{who.settings.get('variant', 'only')}")
                print(f"  kill {turn + 1}: {who.name}: {figures['seconds']:.2f} s, others had {figures['others'] * 100:.0f} %",
                      file=sys.stderr, flush=True)
                times[who.name].append(figures)
        self.report.add("| | seconds from kill -9 to all finished, median (least–most) | runs | lease, s | beyond it, s | "
                        "others, % |")
        self.report.add("|---|---|---|---|---|---|")
        for name, runs in times.items():
            seconds = [figures["seconds"] for figures in runs]
            leases = [figures["lease"] for figures in runs if figures["lease"] is not None]
            lease = f"{statistics.median(leases):.1f}" if leases else "none"
            beyond = spread([s - lease for s, lease in zip(seconds, leases)], 2) if leases else "–"
            others = spread([100 * figures["others"] for figures in runs])
            self.report.add(f"| {name} | {spread(seconds, 2)} | {len(runs)} | {lease} | {beyond} | {others} |")
        self.report.add()
        self.report.add(
            f"Each workflow's first step ({options.step_millis} ms) is recorded and its second has begun when the process is killed. "
            "The next process is started at once: DBOS again under the same executor id, so that it recovers what was its own; "
            "Pantry's as another worker, which waits for the leases. It then runs the second and the third step of all "
            f"({options.step_millis} ms each).")
        self.report.add()

    def takeover(self, who, database):
        options = self.options
        self.postgres.sql(f"CREATE DATABASE {database}")
        folder = Path(self.scratch) / database
        folder.mkdir()
        request = {"url": self.postgres.url(database), "workflows": options.running, "stepMillis": options.step_millis,
                   "work": "none"}
        with Costs(self.postgres) as costs:
            first = second = None
            try:
                first = who.begin(folder, command="start", **request)
                if who.listen(first, folder).get("running") != options.running:
                    raise RuntimeError(f"{who.name} did not say that {options.running} workflows are running")
                first.send_signal(signal.SIGKILL)
                begin = time.monotonic()
                second = who.begin(folder, command="finish", **request)
                answer = who.listen(second, folder)
                seconds = time.monotonic() - begin
                if answer.get("finished") != options.running:
                    raise RuntimeError(f"{who.name} did not say that {options.running} workflows are finished: {answer}")
                second.wait(30)
            finally:
                contender.end(first)
                contender.end(second)
        return {"seconds": seconds, "lease": answer.get("leaseSeconds"), "others": costs.per(1)["others"]}


WORK = {
    "none": "a step does nothing and returns an object of three members",
    "row": "a step adds a row to a table of the same database and returns an object of three members",
}


def share(theirs, ours):
    return f"{theirs / ours:.1f}" if ours > 0 else "–"


def numbers(text):
    found = [int(part) for part in text.split(",")]
    if not found or min(found) < 1:
        raise argparse.ArgumentTypeError("numbers from 1 on, parted by commas")
    return found


def names(known):
    def parse(text):
        found = [part for part in text.split(",") if part]
        if not found or set(found) - set(known):
            raise argparse.ArgumentTypeError(f"some of {', '.join(known)}")
        return [name for name in known if name in found]

    return parse


def main(arguments):
    parser = argparse.ArgumentParser(prog="Benchmarks/run sagas", description=__doc__)
    parser.add_argument("--only", type=names(PARTS), default=PARTS, help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--sides", type=names(SIDES), default=SIDES, help=f"some of {', '.join(SIDES)}")
    parser.add_argument("--work", choices=WORK, default="none", help="what a step does")
    parser.add_argument("--in-flight", type=numbers, default=[1, 16, 64], help="1,16,64 unless given")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6, help="of each round")
    parser.add_argument("--trial", type=int, default=3, help="seconds to try each variant of DBOS")
    parser.add_argument("--counted", type=int, default=500, help="workflows to count the database's work of")
    parser.add_argument("--running", type=int, default=1_000, help="workflows that run when their process is killed")
    parser.add_argument("--step-millis", type=int, default=50, help="of each of their steps")
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--patience", type=int, default=30, help="seconds to wait before a run for others to be quiet")
    parser.add_argument("--repeats", type=int, default=8, help="how many runs that others disturbed may be done again")
    parser.add_argument("--minutes", type=float, default=30, help="after which a number in flight begins no further round")
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    # Whoever ends this ends what it started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    report, facts = Report(), machine.describe()
    report.add(f"# Sagas beside DBOS, {facts['date'][:10]}")
    report.add()
    for name, value in facts.items():
        if name != "sqlite":
            report.add(f"- {name}: {value}")
    report.add(f"- DBOS {contender.dbos_version()} on Python {sys.version.split(' ')[0]}")
    report.add(f"- command: `{' '.join(['Benchmarks/run', 'sagas', *arguments])}`; load average before: "
               f"{os.getloadavg()[0]:.2f}")
    with tempfile.TemporaryDirectory(prefix="pantry-bench-") as scratch:
        suite = Suite(options, report, scratch)
        try:
            suite.run(options.only)
            report.add(f"Load average after: {os.getloadavg()[0]:.2f}.")
        except BaseException as reason:
            # What was measured until then is worth keeping, and must not look complete.
            report.add(f"The run was broken off here ({type(reason).__name__}).")
            raise
        finally:
            output = options.output or HERE / "results" / f"{facts['date'][:10]}-sagas.md"
            output.write_text("\n".join(report.lines).rstrip() + "\n")
            print(f"written: {output}", file=sys.stderr)
