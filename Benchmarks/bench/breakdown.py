"""Where the server's CPU time goes: samples of perf with their stacks, each counted for the innermost layer that it is in."""

import collections
import signal
import subprocess
from pathlib import Path

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


def record(server, scratch, load):
    """Runs `load` under perf; the shares of the layers, largest first, and the number of samples."""
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
    layers, stack = collections.Counter(), []
    for line in text.open():
        if line.strip():
            stack.append(line)
        elif stack:
            layers[layer(stack)] += 1
            stack = []
    if stack:
        layers[layer(stack)] += 1
    total = sum(layers.values())
    return [(name, number / total) for name, number in layers.most_common()], total


def layer(stack):
    for frame in stack:
        for name, marks in LAYERS:
            if any(mark in frame for mark in marks):
                return name
    return OTHER
