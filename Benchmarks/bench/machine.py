"""The machine that a figure was measured on, and its disk at that moment."""

import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent


def first_match(path, pattern):
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return None
    return found.group(1) if found else None


def output(*command):
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT).stdout.strip()


def describe():
    processor = first_match("/proc/cpuinfo", r"^model name\s*: (.*)$") or "unknown CPU"
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+) kB") or 0) // 1024
    state = " with local changes" if output("git", "status", "--porcelain") else ""
    return {
        "date": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": f"{platform.system()} {platform.release()} {platform.machine()}, {os.cpu_count()} cores, "
        f"{processor}, {memory} MiB",
        "swift": re.search(r"Swift version \S+", output("swift", "--version") + " Swift version unknown").group(0),
        "sqlite": output("sqlite3", "--version").split(" ")[0],
        "commit": output("git", "rev-parse", "--short=12", "HEAD") + state,
    }


def filesystem(folder):
    return output("stat", "-f", "-c", "%T", str(folder)) or "an unknown file system"


def fdatasync_micros(folder=None, count=300):
    """The median of `count` appends of 4 KiB, each made durable by itself."""
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        block = os.urandom(4096)
        times = []
        for _ in range(count):
            begin = time.perf_counter()
            os.write(file.fileno(), block)
            os.fdatasync(file.fileno())
            times.append((time.perf_counter() - begin) * 1e6)
    return statistics.median(times)


def slow_disk(scratch, millis):
    """Makes every sync of the processes that are started from now on take so much longer."""
    library = Path(scratch) / "slow_disk.so"
    source = ROOT / "Benchmarks" / "contenders" / "slow_disk.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    os.environ |= {"LD_PRELOAD": str(library), "SLOW_DISK_MICROS": str(round(millis * 1_000))}


def loop_millis():
    """How long a fixed loop of the Python interpreter takes: how fast the processor is at this moment. On a shared host the same
    machine was seen to need three times as long within an hour."""
    begin = time.process_time()
    total = 0
    for number in range(2_000_000):
        total += number
    return (time.process_time() - begin) * 1000
