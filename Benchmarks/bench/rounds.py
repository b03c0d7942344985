"""Rounds of several sides in turns, the page's table of them, and the ratios that count."""

import statistics
import sys
import time

from . import account
from .report import spread

# A run in which others had more of the cores is disturbed.
OTHERS_LIMIT = 0.15


class Side:
    """Somebody who places orders as fast as it can."""

    def __init__(self, name, run):
        self.name, self.run, self.rounds = name, run, []

    def calm(self):
        """The undisturbed rounds' figures, or all if there are fewer than three of them."""
        calm = [figures for figures in self.rounds if figures["others"] <= OTHERS_LIMIT]
        return calm if len(calm) >= 3 else self.rounds


class Calm:
    """Waits before each run until the machine is quiet, and runs again what others disturbed, some times."""

    def __init__(self, options):
        self.patience, self.left, self.again = options.patience, options.repeats, 0
        self.deadline = time.monotonic() + options.minutes * 60

    def is_over(self):
        return time.monotonic() > self.deadline

    def run(self, name, run):
        while True:
            account.wait_for_quiet(min(self.patience, max(0, self.deadline - time.monotonic())))
            figures = run()
            print(f"  {name}: {figures['perSecond']:.0f}/s, others had {figures['others'] * 100:.0f} %", file=sys.stderr, flush=True)
            if figures["others"] <= OTHERS_LIMIT or not self.left or self.is_over():
                return figures
            self.left, self.again = self.left - 1, self.again + 1


def alternate(sides, number, calm):
    """Rounds in turns, every other one backwards, so that whatever changes meanwhile meets all sides."""
    for turn in range(number):
        if turn > 0 and calm.is_over():
            return
        for side in sides if turn % 2 == 0 else reversed(sides):
            side.rounds.append(calm.run(f"round {turn + 1}: {side.name}", side.run))


def ratios(ours, others, value=lambda figures: figures["perSecond"]):
    """Ours over the best of the others, round by round, and whether nobody disturbed what was compared. More is better."""
    pairs = []
    for mine, *theirs in zip(ours.rounds, *(other.rounds for other in others)):
        calm = all(figures["others"] <= OTHERS_LIMIT for figures in (mine, *theirs))
        pairs.append((value(mine) / max(value(figures) for figures in theirs), calm))
    return pairs


def play(report, sides, options):
    """The rounds, and a table of them."""
    waits = Calm(options)
    alternate(sides, options.rounds, waits)
    again = waits.again
    report.add("| median (least–most) of so many runs | orders/s | p50, ms | p99, ms | server CPU, s | "
               "PostgreSQL CPU, s | load CPU, s | WAL, bytes an order | others, % |")
    report.add("|---|---|---|---|---|---|---|---|---|")
    for side in sides:
        calm = side.calm()
        of = lambda name: [figures[name] for figures in calm]
        # Microseconds for one are milliseconds for a thousand.
        cpu = [spread([value / 1000 for value in of(name)], 2) for name in ("serverCPU", "postgresCPU", "loadCPU")]
        report.add(f"| {side.name} ({len(calm)}) | {spread(of('perSecond'))} | {spread(of('p50'), 1)} | {spread(of('p99'), 1)} | "
                   f"{' | '.join(cpu)} | {spread(of('wal'))} | {spread([100 * share for share in of('others')])} |")
    report.add()
    report.add("CPU is for 1,000 orders; the load is wrk or pgbench itself, on the same cores. Others: the share of the cores that "
               f"other processes had; {again} runs were done again because that was above {100 * OTHERS_LIMIT:.0f} %. Where a side has three "
               "runs below that, only those are in the table.")
    report.add()


def verdict(report, what, pairs, bar):
    """Undisturbed rounds count where there are three of them; all are shown."""
    calm = [ratio for ratio, is_calm in pairs if is_calm]
    values = calm if len(calm) >= 3 else [ratio for ratio, _ in pairs]
    which = f"{len(values)} undisturbed rounds" if values is calm else "all rounds, disturbed ones too"
    text = f"**{what}: {spread(values, 2)}**, {which}"
    if bar is not None:
        text += f" (bar: {bar}, {'reached' if statistics.median(values) >= bar else 'missed'})"
    shown = ", ".join(f"{ratio:.2f}" if is_calm else f"({ratio:.2f})" for ratio, is_calm in pairs)
    report.add(f"{text}; round by round {shown}.")
    report.add()
