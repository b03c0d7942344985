"""Load by wrk: keep-alive clients that each wait for their answer before they send the next order."""

import json
import re
import subprocess
from pathlib import Path

SCRIPT = Path(__file__).resolve().parent.parent / "orders.lua"


def orders(server, key, products, clients, seconds, name):
    """Rates and latencies of one run, and what it cost the server."""
    before = server.cpu_micros()
    result = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "30s", "-s", str(SCRIPT), server.url, "--",
         key, str(products), name],
        capture_output=True, text=True, check=True)
    after = server.cpu_micros()
    figures = json.loads(result.stdout.strip().splitlines()[-1])
    if figures["refused"] or figures["failed"] or not figures["requests"]:
        raise RuntimeError(f"not every order was confirmed: {figures}\n{result.stdout}")
    figures["perSecond"] = figures["requests"] / figures["seconds"]
    figures["cpuMicros"] = (after - before) / figures["requests"]
    return figures


def bare(server, clients, seconds):
    """CPU microseconds of the server for a request that asks for nothing: the least that HTTP costs here."""
    before = server.cpu_micros()
    result = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", server.url + "/livez"], capture_output=True, text=True, check=True)
    after = server.cpu_micros()
    if "Non-2xx" in result.stdout:
        raise RuntimeError(result.stdout)
    return (after - before) / int(re.search(r"(\d+) requests in", result.stdout).group(1))
