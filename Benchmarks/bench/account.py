"""What a run costs: CPU time of each party, bytes of PostgreSQL's log."""

import os
import resource
import time

from .server import TICK_MICROS


class Costs:
    """Around a run; `server` and `postgres` are the parties that it keeps busy, beside the load's own processes."""

    def __init__(self, postgres, server=None):
        self.postgres, self.server = postgres, server

    def __enter__(self):
        self.before = self.read()
        return self

    def __exit__(self, *_):
        self.after = self.read()

    def read(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        return {
            "postgresCPU": self.postgres.cpu_micros(), "serverCPU": self.server.cpu_micros() if self.server else 0,
            "loadCPU": (children.ru_utime + children.ru_stime) * 1e6, "wal": self.postgres.position(),
            "busy": busy_micros(), "time": time.monotonic() * 1e6,
        }

    def per(self, count):
        """Microseconds and bytes for each of `count`, and the share of the cores that somebody else had meanwhile."""
        costs = {name: self.after[name] - self.before[name] for name in self.before}
        others = costs["busy"] - costs["postgresCPU"] - costs["serverCPU"] - costs["loadCPU"]
        share = max(0, others) / (costs["time"] * os.cpu_count())
        return {name: cost / max(count, 1) for name, cost in costs.items()} | {"others": share}


def busy_micros():
    """What all cores together did so far, or were kept from doing by the machine's host."""
    with open("/proc/stat") as file:
        user, nice, system, _, _, irq, softirq, steal = (int(n) for n in file.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) * TICK_MICROS


def wait_for_quiet(patience):
    """Waits until nobody else keeps the cores busy, for `patience` seconds at most."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        before, begin = busy_micros(), time.monotonic()
        time.sleep(1)
        if busy_micros() - before < 0.1 * (time.monotonic() - begin) * 1e6 * os.cpu_count():
            return
