"""The page that a run writes, and how its figures are shown."""

import statistics

from . import machine


class Report:
    def __init__(self):
        self.lines = []

    def add(self, line=""):
        print(line, flush=True)
        self.lines.append(line)

    def conditions(self, scratch):
        disk = machine.fdatasync_micros(scratch)
        self.add(f"fdatasync of 4 KiB: {disk:.0f} µs (median of 300); the interpreter's loop: {machine.loop_millis():.0f} ms.")
        self.add()
        return disk


def spread(values, digits=0):
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f}–{max(values):.{digits}f})"
