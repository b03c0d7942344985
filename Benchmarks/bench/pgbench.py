"""pgbench as the peer: scripts of statements in pipelines, prepared, with the client count that serves it best."""

import itertools
import math
import re
import shutil
import subprocess
from pathlib import Path

from . import account

# What each transaction has for itself: its number (over all clients and runs, rising with time), as ids do.
NUMBER = "\\set n :n + 1\n\\set x :run * 1099511627776 + :n * 256 + :client_id\n"


# Of all scripts of a session: what they write must not meet.
RUNS = itertools.count(1)


class Script:
    """A file for pgbench, and a database that it runs in."""

    def __init__(self, postgres, database, name, text, scratch):
        self.postgres, self.database, self.name = postgres, database, name
        self.scratch = Path(scratch) / f"pgbench-{database}-{re.sub('[^a-z0-9]+', '-', name.lower())}"
        self.scratch.mkdir()
        self.file = self.scratch / "script.sql"
        self.file.write_text(text)
        self.clients = None

    def run(self, clients, seconds):
        """Rates and latencies of one run, and what it cost."""
        folder = self.scratch / "log"
        folder.mkdir()
        command = ["pgbench", "-n", "-M", "prepared", "-f", str(self.file), "-c", str(clients), "-j", "2", "-T", str(seconds),
                   "-D", "n=0", "-D", f"run={next(RUNS)}", "-l", "--sampling-rate", "0.1", "--log-prefix", str(folder / "l")]
        # Otherwise each client's first executions of a statement plan it anew, which is much of a short run.
        environment = {**self.postgres.environment(), "PGOPTIONS": "-c plan_cache_mode=force_generic_plan"}
        with account.Costs(self.postgres) as costs:
            result = subprocess.run([*command, self.database], capture_output=True, text=True, env=environment)
        text = result.stdout + result.stderr
        rate = re.search(r"^tps = ([\d.]+)", text, re.MULTILINE)
        placed = re.search(r"^number of transactions actually processed: (\d+)", text, re.MULTILINE)
        failed = re.search(r"^number of failed transactions: (\d+)", text, re.MULTILINE)
        if placed and placed.group(1) == "0":
            rate = re.match("()", "0")  # clients that came too late for a single one; pgbench then prints none
        if result.returncode or not rate or not placed or (failed and int(failed.group(1))):
            raise RuntimeError(f"pgbench “{self.name}” failed: {text[-2000:]}")
        times = sorted(
            int(line.split(" ")[2]) / 1000 for file in folder.iterdir() for line in file.read_text().splitlines())
        shutil.rmtree(folder)
        figures = costs.per(int(placed.group(1)))
        figures |= {"perSecond": float(rate.group(1) or 0), "count": int(placed.group(1)), "clients": clients}
        for name, share in (("p50", 0.5), ("p99", 0.99)):
            figures[name] = times[math.ceil(share * len(times)) - 1] if times else math.nan
        return figures

    def calibrate(self, counts, seconds, calm):
        """Takes the client count that is best here, and tells what each came to."""
        rates = {count: calm.run(f"{self.name}, {count} clients", lambda: self.run(count, seconds))["perSecond"] for count in counts}
        self.clients = max(rates, key=rates.get)
        return rates


def pipeline(statements):
    """All of a script's statements in one trip."""
    return "\\startpipeline\n" + "".join(f"{statement};\n" for statement in statements) + "\\endpipeline\n"
