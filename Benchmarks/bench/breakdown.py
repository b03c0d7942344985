"""Where the server's CPU time goes: samples of perf with their stacks, each counted for the innermost layer that it is in."""

import collections
import signal
import subprocess
from pathlib import Path

from .machine import ROOT

# From the inside out, the first of these that a stack meets is where its time belongs.
LAYERS = [
    ("PostgreSQL's driver", ("$s14PostgresDriver", "libpq", "$s17ConnectionPooling")),
    ("SQL", ("sqlite3", "$s12SQLiteDriver", "$s4GRDB", "libsqlite3")),
    ("JSON", ("$s10StrictJSON",)),
    ("logging", ("$s7Logging", "JSONLogHandler")),
    ("metrics", ("$s17PrometheusMetrics", "$s11CoreMetrics", "$s9Histogram")),
    ("seals and digests", ("$s6Crypto", "CCryptoBoringSSL")),
    ("lane", ("$s7Storage",)),
    ("decision", ("$s12PantryDomain", "$s5Sagas", "$s9Messaging")),
    ("HTTP", ("$s10PantryHTTP", "NIO", "$s15HummingbirdCore", "c_nio", "$s9HTTPTypes")),
]
OTHER = "tasks, scheduling, kernel outside of these"

# Whose code runs, from the inside out: memory, retain counts, kernel and C library belong to whoever called for them.
MODULES = [f"{len(folder.name)}{folder.name}" for folder in ROOT.glob("Sources/*/*")]
OWNERS = [
    # An E behind a module: an extension of somebody else's type.
    ("Pantry's own", tuple("$s" + module for module in MODULES) + tuple(module + "E" for module in MODULES)),
    ("SQLite and its system calls", ("sqlite3",)),
    ("GRDB", ("$s4GRDB",)),
    ("NIO, Hummingbird and their system calls", ("NIO", "Hummingbird", "$s9HTTPTypes", "c_nio")),
    ("scheduling: Swift's concurrency, libdispatch, futexes", ("libswift_Concurrency", "libdispatch")),
    ("cryptography", ("Crypto", "BoringSSL")),
    ("logging, metrics and tracing API", ("$s7Logging", "$s11CoreMetrics", "$s9Histogram", "$s7Tracing", "$s15Instrumentation")),
]


def record(server, scratch, load):
    """Runs `load` under perf; the shares of the layers and of the owners, largest first, and the number of samples."""
    data, text = Path(scratch) / "perf.data", Path(scratch) / "perf.txt"
    perf = subprocess.Popen(
        ["perf", "record", "-F", "397", "--call-graph", "dwarf,8192", "-p", str(server.process.pid), "-o", str(data)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        load()
    finally:
        perf.send_signal(signal.SIGINT)
        perf.wait()
    with open(text, "w") as out:
        subprocess.run(["perf", "script", "-i", str(data), "-F", "ip,sym,dso", "--no-inline"], stdout=out,
                       stderr=subprocess.DEVNULL)
    layers, owners = collections.Counter(), collections.Counter()
    for stack in stacks(text):
        layers[innermost(stack, LAYERS) or OTHER] += 1
        owners[innermost(stack, OWNERS) or "others"] += 1
    total = sum(layers.values())
    shares = [[(name, number / total) for name, number in counts.most_common()] for counts in (layers, owners)]
    return *shares, total


def stacks(text):
    stack = []
    for line in text.open():
        if line.strip():
            stack.append(line)
        elif stack:
            yield stack
            stack = []
    if stack:
        yield stack


def innermost(stack, groups):
    for frame in stack:
        for name, marks in groups:
            if any(mark in frame for mark in marks):
                return name
    return None
