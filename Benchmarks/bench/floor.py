"""The limit: an order's statements by SQLite's own interface, prepared, on a copy of the server's files; what they cost alone."""

import shutil
import struct
import subprocess
from pathlib import Path

from .shell import OrderWriter, count

PROGRAM = Path(__file__).resolve().parent.parent / ".build" / "release" / "StatementFloor"


def measure(directory, scratch, orders, batch):
    """CPU microseconds for an order, `batch` orders in each transaction."""
    copy = Path(scratch) / "floor"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    writer = OrderWriter(copy)
    before = count(writer.shard)
    schedule = copy / "schedule"
    schedule.write_bytes(encode(writer, orders, batch))
    out = subprocess.run([PROGRAM, schedule, writer.shard, writer.books], capture_output=True, text=True, check=True).stdout
    added = count(writer.shard) - before
    if added != orders:
        raise RuntimeError(f"{added} orders were placed, not {orders}")
    shutil.rmtree(copy)
    return float(out) / orders


def encode(writer, orders, batch):
    texts, steps = {}, []

    def step(database, text, values=()):
        number = texts.setdefault(text, len(texts))
        steps.append(struct.pack("<BIB", database, number, len(values)) + b"".join(map(parameter, values)))

    for begin in range(0, orders, batch):
        group = [writer.next_bound() for _ in range(min(batch, orders - begin))]
        for number, transaction in enumerate(zip(*group)):
            # The second one is in the provider's own file.
            database = 1 if number == 1 else 0
            step(database, "BEGIN IMMEDIATE")
            step(database, "PRAGMA data_version")
            for order in transaction:
                for text, values in order:
                    step(database, text, values)
            step(database, "COMMIT")
    head = [struct.pack("<I", len(texts))]
    for text in texts:
        head += [struct.pack("<I", len(text.encode())), text.encode()]
    return b"".join(head + steps)


def parameter(value):
    if value is None:
        return b"\0"
    if isinstance(value, int):
        return struct.pack("<Bq", 1, value)
    kind, data = (3, value) if isinstance(value, bytes) else (2, value.encode())
    return struct.pack("<BI", kind, len(data)) + data
