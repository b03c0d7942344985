"""Rounds of several sides in turns, the page's table of them, and the ratios that count."""

import statistics
import sys

from . import account
from .report import spread

# A round in which others had more of the cores does not count.
OTHERS_LIMIT = 0.15


class Side:
    """Somebody who places orders as fast as it can."""

    def __init__(self, name, run):
        self.name, self.run, self.rounds = name, run, []

    def rates(self):
        return [figures["perSecond"] for figures in self.rounds]


def alternate(sides, options):
    """Rounds in turns, every other one backwards, so that whatever changes meanwhile meets all sides. A round in which
    other processes had much of the cores counts for nobody and is run again, some times.
    - Returns: how many were run again."""
    again, number = 0, 0
    while number < options.rounds:
        figures = []
        for side in sides if number % 2 == 0 else reversed(sides):
            account.wait_for_quiet(options.patience)
            figures.append((side, side.run()))
            print(f"  round {number + 1}: {side.name}: {figures[-1][1]['perSecond']:.0f}/s, others had "
                  f"{figures[-1][1]['others'] * 100:.0f} %", file=sys.stderr, flush=True)
        if again < options.repeats and max(f["others"] for _, f in figures) > OTHERS_LIMIT:
            again += 1
            continue
        number += 1
        for side, round_figures in figures:
            side.rounds.append(round_figures)
    return again


def ratios(ours, others):
    """Ours over the best of the others, round by round."""
    return [mine / max(theirs) for mine, theirs in zip(ours.rates(), zip(*(other.rates() for other in others)))]


def play(report, sides, options):
    """The rounds, and a table of them."""
    again = alternate(sides, options)
    report.add(f"| median (least–most) of {options.rounds} rounds | orders/s | p50, ms | p99, ms | server CPU, s | "
               "PostgreSQL CPU, s | load CPU, s | WAL, bytes an order | others, % |")
    report.add("|---|---|---|---|---|---|---|---|---|")
    for side in sides:
        of = lambda name: [figures[name] for figures in side.rounds]
        # Microseconds for one are milliseconds for a thousand.
        cpu = [spread([value / 1000 for value in of(name)], 2) for name in ("serverCPU", "postgresCPU", "loadCPU")]
        report.add(f"| {side.name} | {spread(side.rates())} | {spread(of('p50'), 1)} | {spread(of('p99'), 1)} | "
                   f"{' | '.join(cpu)} | {spread(of('wal'))} | {spread([100 * share for share in of('others')])} |")
    report.add()
    report.add("CPU is for 1,000 orders; the load is wrk or pgbench itself, on the same cores. Others: the share of the cores that "
               f"other processes had. {again} rounds were run again because that was above {100 * OTHERS_LIMIT:.0f} %.")
    report.add()


def verdict(report, what, values, bar):
    text = f"**{what}: {spread(values, 2)}**"
    if bar is not None:
        text += f" (bar: {bar}, {'reached' if statistics.median(values) >= bar else 'missed'})"
    report.add(f"{text}; round by round {', '.join(f'{value:.2f}' for value in values)}.")
    report.add()
