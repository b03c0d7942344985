"""DBOS as a contender of `Benchmarks/run sagas`. It runs in an environment that has dbos-requirements.txt.

One JSON object on standard input says what to do, JSON lines on standard output say what came of it; the protocol is in
Benchmarks/README.md. DBOS alone knows `variant` (who runs the steps), `pool` (connections of a process), `prePing` (whether
each of them is tried when it is lent, as DBOS does by default) and `processes` (that share the workflows in flight).
"""

import asyncio
import itertools
import json
import math
import resource
import subprocess
import sys
import threading
import time

import sqlalchemy as sa
from dbos import DBOS, AsyncSQLAlchemyDatasource, SQLAlchemyDatasource

EFFECTS = """
CREATE TABLE IF NOT EXISTS effects (
  reference text NOT NULL, step int NOT NULL, quantity int NOT NULL, PRIMARY KEY (reference, step))
"""
# A step that is not a transaction of a datasource may run twice.
EFFECT = sa.text("INSERT INTO effects VALUES (:reference, :step, :quantity) ON CONFLICT DO NOTHING")
UNFINISHED = sa.text("SELECT count(*) FROM dbos.workflow_status WHERE status <> 'SUCCESS'")
STEPS = (1, 2, 3)
QUANTITY = 3


def say(**figures):
    print(json.dumps(figures), flush=True)


def result(reference, step):
    return {"step": step, "reference": reference, "quantity": QUANTITY}


def percentiles(times):
    times = sorted(times)
    return {"p50Ms": percentile(times, 0.5) * 1000, "p99Ms": percentile(times, 0.99) * 1000}


def percentile(times, share):
    return times[math.ceil(share * len(times)) - 1] if times else 0.0


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


class Hold:
    """Keeps the second step of each workflow from ending, and says when all have come to it."""

    def __init__(self, number):
        self.number, self.arrived, self.lock = number, 0, threading.Lock()

    def arrive(self):
        with self.lock:
            self.arrived += 1
            if self.arrived == self.number:
                say(running=self.number)


class Contender:
    """What the variants share: DBOS, its settings, and the way a step's effect is written."""

    def __init__(self, options):
        self.options = options
        self.in_flight = options.get("inFlight", 64)
        self.pause = options.get("stepMillis", 0) / 1000
        self.writes = options.get("work", "none") == "row"
        self.hold = Hold(options["workflows"]) if options["command"] == "start" else None
        self.pool = {"pool_size": options.get("pool", 20), "max_overflow": 0, "pool_pre_ping": options.get("prePing", True)}
        self.address = sa.make_url(options["url"]).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
        self.engine = sa.create_engine(self.address, **self.pool)
        with self.engine.begin() as connection:
            # Of several processes that create a table if it is missing all but one fail.
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(1)"))
            connection.execute(sa.text(EFFECTS))
        DBOS(config={
            "name": "sagas", "system_database_url": self.address, "log_level": "ERROR",
            "application_version": "benchmark", "executor_id": options.get("executor", "benchmark"),
            "sys_db_pool_size": self.pool["pool_size"], "db_engine_kwargs": {"pool_pre_ping": self.pool["pool_pre_ping"]}})

    def write(self, reference, step):
        with self.engine.begin() as connection:
            connection.execute(EFFECT, result(reference, step))

    def unfinished(self):
        with self.engine.connect() as connection:
            return connection.execute(UNFINISHED).scalar()

    def warm_up(self, prefix):
        return Tickets(f"{prefix}-warm", workflows=self.options.get("warmUp", 0))

    def go(self, prefix):
        """What is measured, once all processes that share it have warmed up."""
        if "executor" in self.options:
            say(ready=True)
            sys.stdin.readline()
        self.begin, self.cpu = time.perf_counter(), cpu_seconds()
        return Tickets(prefix, self.options.get("workflows"), self.options.get("seconds"))

    def report(self, times):
        figures = {"workflows": len(times), "seconds": time.perf_counter() - self.begin, "cpuSeconds": cpu_seconds() - self.cpu}
        say(**figures, **({"times": times} if "executor" in self.options else percentiles(times)))


class Tickets:
    """References of workflows, until as many were given as are wanted or the time is over."""

    def __init__(self, prefix, workflows=None, seconds=None):
        self.prefix, self.workflows = prefix, workflows if workflows is not None else math.inf
        self.deadline = time.perf_counter() + seconds if seconds is not None else math.inf
        self.numbers = itertools.count()

    def __iter__(self):
        while time.perf_counter() < self.deadline:
            number = next(self.numbers)
            if number >= self.workflows:
                return
            yield f"{self.prefix}-{number}"


class Threads(Contender):
    """Plain functions on a thread for each workflow; with `datasource` its steps are transactions of a datasource."""

    def __init__(self, options, datasource=False):
        super().__init__(options)
        self.datasource = SQLAlchemyDatasource.create(self.address, engine_kwargs=self.pool) if datasource else None
        step = self.transaction() if datasource else self.step()

        @DBOS.workflow(name="saga")
        def saga(reference):
            return [step(reference, number) for number in STEPS][-1]

        self.saga = saga

    def step(self):
        @DBOS.step(name="step")
        def step(reference, step):
            if self.pause:
                time.sleep(self.pause)
            if self.hold and step == 2:
                self.hold.arrive()
                threading.Event().wait()
            if self.writes:
                self.write(reference, step)
            return result(reference, step)

        return step

    def transaction(self):
        # Each step has rows of its own: the lowest level is right, and cheapest.
        @self.datasource.transaction(isolation_level="READ COMMITTED")
        def step(reference, step):
            if self.writes:
                self.datasource.sql_session().execute(EFFECT, result(reference, step))
            return result(reference, step)

        return step

    def drive(self, tickets):
        times, failures, lock, source = [], [], threading.Lock(), iter(tickets)

        def client():
            try:
                while True:
                    with lock:
                        reference = next(source, None)
                    if reference is None:
                        return
                    begin = time.perf_counter()
                    self.saga(reference)
                    times.append(time.perf_counter() - begin)
            except Exception as failure:
                failures.append(failure)

        clients = [threading.Thread(target=client) for _ in range(self.in_flight)]
        for thread in clients:
            thread.start()
        for thread in clients:
            thread.join()
        if failures:
            raise failures[0]
        return times

    def run(self, body):
        DBOS.launch()
        body(self)

    def measure(self, prefix):
        self.drive(self.warm_up(prefix))
        self.report(self.drive(self.go(prefix)))

    def idle(self, prefix):
        self.drive(self.warm_up(prefix))
        self.go(prefix)
        time.sleep(self.options["seconds"])
        say(workflows=0)

    def start(self, prefix):
        for reference in Tickets(prefix, workflows=self.options["workflows"]):
            DBOS.start_workflow(self.saga, reference)
        threading.Event().wait()

    def finish(self, _):
        while self.unfinished():
            time.sleep(0.05)
        say(finished=self.options["workflows"])


class Coroutines(Contender):
    """Coroutines on one event loop; with `datasource` the steps are transactions of an asynchronous datasource."""

    def __init__(self, options, datasource=False):
        super().__init__(options)
        self.uses_datasource, self.datasource = datasource, None

    def step(self):
        @DBOS.step(name="step")
        async def step(reference, step):
            if self.pause:
                await asyncio.sleep(self.pause)
            if self.hold and step == 2:
                self.hold.arrive()
                await asyncio.Event().wait()
            if self.writes:
                await asyncio.to_thread(self.write, reference, step)
            return result(reference, step)

        return step

    def transaction(self):
        @self.datasource.transaction(isolation_level="READ COMMITTED")
        async def step(reference, step):
            if self.writes:
                await self.datasource.sql_session().execute(EFFECT, result(reference, step))
            return result(reference, step)

        return step

    def run(self, body):
        async def main():
            if self.uses_datasource:
                self.datasource = await AsyncSQLAlchemyDatasource.create(self.address, engine_kwargs=self.pool)
            step = self.transaction() if self.uses_datasource else self.step()

            @DBOS.workflow(name="saga")
            async def saga(reference):
                return [await step(reference, number) for number in STEPS][-1]

            self.saga = saga
            DBOS.launch()
            await body(self)

        asyncio.run(main())

    async def drive(self, tickets):
        times, source = [], iter(tickets)

        async def client():
            for reference in source:
                begin = time.perf_counter()
                await self.saga(reference)
                times.append(time.perf_counter() - begin)

        await asyncio.gather(*(client() for _ in range(self.in_flight)))
        return times

    async def measure(self, prefix):
        await self.drive(self.warm_up(prefix))
        self.report(await self.drive(self.go(prefix)))

    async def idle(self, prefix):
        await self.drive(self.warm_up(prefix))
        self.go(prefix)
        await asyncio.sleep(self.options["seconds"])
        say(workflows=0)

    async def start(self, prefix):
        await asyncio.gather(*[DBOS.start_workflow_async(self.saga, reference)
                               for reference in Tickets(prefix, workflows=self.options["workflows"])])
        await asyncio.Event().wait()

    async def finish(self, _):
        while await asyncio.to_thread(self.unfinished):
            await asyncio.sleep(0.05)
        say(finished=self.options["workflows"])


VARIANTS = {
    "threads": lambda options: Threads(options),
    "asyncio": lambda options: Coroutines(options),
    "datasource": lambda options: Threads(options, datasource=True),
    "datasource-asyncio": lambda options: Coroutines(options, datasource=True),
}
COMMANDS = ("measure", "idle", "start", "finish")


def share(options, processes):
    """Processes that share the workflows in flight, as one has them to use more than one core from Python."""
    children = []
    try:
        for number in range(processes):
            shared = [name for name in ("inFlight", "workflows", "warmUp") if name in options]
            own = {name: (options[name] + number) // processes for name in shared}
            child = subprocess.Popen([sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            children.append(child)
            child.stdin.write(json.dumps(options | own | {"executor": f"benchmark-{number}"}) + "\n")
            child.stdin.flush()
        for child in children:
            json.loads(child.stdout.readline())
        for child in children:
            child.stdin.write("go\n")
            child.stdin.flush()
        answers = [json.loads(child.stdout.readline()) for child in children]
        if any(child.wait() for child in children):
            sys.exit("one of the processes failed")
    finally:
        for child in children:
            if child.poll() is None:
                child.kill()
                child.wait()
    if options["command"] == "idle":
        return say(workflows=0)
    times = [one for answer in answers for one in answer["times"]]
    say(workflows=len(times), seconds=max(answer["seconds"] for answer in answers),
        cpuSeconds=sum(answer["cpuSeconds"] for answer in answers), **percentiles(times))


def main():
    options = json.loads(sys.stdin.readline())
    if options["command"] not in COMMANDS or options.get("variant", "threads") not in VARIANTS:
        sys.exit(f"the commands are {', '.join(COMMANDS)}; the variants are {', '.join(VARIANTS)}")
    processes = options.pop("processes", 1)
    if processes > 1:
        return share(options, processes)
    contender = VARIANTS[options.get("variant", "threads")](options)
    kind = type(contender)
    # References of two runs must differ.
    prefix = f"{options.get('executor', 'run')}-{time.time_ns()}"
    contender.run(lambda it: getattr(kind, options["command"])(it, prefix))
    DBOS.destroy()


if __name__ == "__main__":
    main()
