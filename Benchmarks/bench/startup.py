"""From the start of the process to its first answer, and what it takes while nobody asks for anything."""

import statistics
import time

from .server import Server


def measure(binary, directory, key, runs=10):
    """Milliseconds to the first answer of each start on a directory with products, and MiB once idle."""
    times, resident = [], 0.0
    for _ in range(runs):
        server = Server(binary, directory)
        begin = time.perf_counter()
        server.start(wait=False)
        try:
            while not server.answers("/v1/products/p-1", key):
                time.sleep(0.001)
            times.append((time.perf_counter() - begin) * 1000)
            time.sleep(2)
            resident = max(resident, server.resident_mib())
        finally:
            server.stop()
    return {"median": statistics.median(times), "least": min(times), "most": max(times), "resident": resident}
