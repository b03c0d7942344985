"""`Benchmarks/run guards`: breakers, timeouts, rate limits in memory and in Redis, and what metrics and spans cost."""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from . import machine
from .report import Report
from .sagas_suite import names

HERE = Path(__file__).resolve().parent.parent
PARTS = ["resilience", "limits", "redis", "gets", "observability"]


def commands(options):
    """The program and the arguments of each part, in the order in which they run."""
    rounds = str(options.rounds)
    return {
        "resilience": [["ResilienceBenchmark", rounds]],
        "limits": [["RateLimitingBenchmark"]],
        # Rounds, seconds for each, and how many decisions are in flight.
        "redis": [["RedisDriverBenchmark", "limits", rounds, "1", depth] for depth in ("1", "16", "64")],
        "gets": [["RedisDriverBenchmark", rounds, "2"]],
        "observability": [["ObservabilityCost", "50000"]] * 3,
    }


def main(arguments):
    parser = argparse.ArgumentParser(prog="Benchmarks/run guards", description=__doc__)
    parser.add_argument("--only", type=names(PARTS), default=PARTS, help=f"some of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path)
    options = parser.parse_args(arguments)
    programs = {part: commands(options)[part] for part in options.only}
    for product in dict.fromkeys(runs[0][0] for runs in programs.values()):
        subprocess.run(["swift", "build", "-c", "release", "--product", product], cwd=HERE, check=True, stdout=2)
    # What a build leaves under way would be measured, too.
    time.sleep(2)
    report, facts = Report(), machine.describe()
    report.add(f"# Guards: breakers, timeouts, rate limits, observation, {facts['date'][:10]}")
    report.add()
    for name, value in facts.items():
        if name != "sqlite":
            report.add(f"- {name}: {value}")
    report.add(f"- command: `{' '.join(['Benchmarks/run', 'guards', *arguments])}`; load average before: {os.getloadavg()[0]:.2f}")
    report.add()
    for part, runs in programs.items():
        report.add(f"## {runs[0][0]}: {part}")
        report.add()
        report.add(f"The interpreter's loop: {machine.loop_millis():.0f} ms.")
        report.add()
        for program, *rest in runs:
            answer = subprocess.run(
                [HERE / ".build" / "release" / program, *rest], stdout=subprocess.PIPE, text=True, timeout=900)
            if answer.returncode != 0:
                sys.exit(f"{program} {' '.join(rest)} ended with status {answer.returncode}")
            # Tables stay tables; the rest is a program's own columns.
            is_table = answer.stdout.lstrip().startswith("|")
            for line in [] if is_table else ["```"]:
                report.add(line)
            for line in answer.stdout.rstrip().splitlines():
                report.add(line)
            for line in [""] if is_table else ["```", ""]:
                report.add(line)
    report.add(f"Load average after: {os.getloadavg()[0]:.2f}.")
    output = options.output or HERE / "results" / f"{facts['date'][:10]}-guards.md"
    output.write_text("\n".join(report.lines).rstrip() + "\n")
    print(f"written: {output}", file=sys.stderr)
