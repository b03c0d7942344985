"""The peer: the sqlite3 shell executing what an order executes (docs/order-statements.sql), on a copy of the same files."""

import re
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from .machine import ROOT

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
PRAGMAS = "PRAGMA synchronous = FULL; PRAGMA cache_size = -16384; PRAGMA wal_autocheckpoint = 4000;"
HOW_TO_FIND = {
    "idempotency_keys": "subject = :order", "orders": "id = :order", "payments": "order_id = :order",
    "sagas": "subject = :order", "reservations": "order_id = :order ORDER BY sku", "saga_log": "saga = :saga ORDER BY entry",
    "outbox": "key = :orderText ORDER BY sequence",
    "stock": "sku IN (SELECT sku FROM reservations WHERE order_id = :order) ORDER BY sku",
    "operations": "reference = :orderText", "entries": "key = :orderText || '/charge'",
}


def published():
    """The transactions of an order, each a list of statements without BEGIN and COMMIT."""
    text = (ROOT / "docs" / "order-statements.sql").read_text()
    statements = [s.strip() for s in re.sub(r"^--.*$", "", text, flags=re.MULTILINE).split(";")]
    transactions = []
    for statement in filter(None, statements):
        if statement.startswith("BEGIN"):
            transactions.append([])
        elif statement != "COMMIT" and not statement.startswith("PRAGMA"):
            transactions[-1].append(statement)
    return transactions


def base32(value):
    return "".join(DIGITS[value >> 5 * place & 31] for place in range(25, -1, -1))


def literal(value):
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "'" + value.replace("'", "''") + "'"


class OrderWriter:
    """Writes the SQL of further orders like one that the server has placed: the same rows under other ids."""

    def __init__(self, directory):
        self.shard, self.books = directory / "shard-0.db", directory / "sandbox-provider.db"
        connection = sqlite3.connect(self.shard)
        connection.execute("ATTACH ? AS books", [str(self.books)])
        connection.row_factory = sqlite3.Row
        order = connection.execute("SELECT * FROM orders ORDER BY id DESC LIMIT 1").fetchone()
        saga = connection.execute("SELECT id FROM sagas WHERE subject = ?", [order["id"]]).fetchone()
        place = {"order": order["id"], "orderText": "ord_" + base32(int.from_bytes(order["id"])), "saga": saga["id"]}
        self.rows = {
            table: [dict(row) for row in connection.execute(f"SELECT * FROM {table} WHERE {where}", place)]
            for table, where in HOW_TO_FIND.items()}
        connection.close()
        self.ids = [order["id"], order["payment_id"], saga["id"]] + [row["id"] for row in self.rows["outbox"]]
        self.transactions = published()
        self.count = 0

    def next(self):
        """One more order: for each transaction its statements as text."""
        def text(statement, values):
            return re.sub(r"\$(\d+)", lambda match: literal(values[int(match.group(1)) - 1]), statement) + ";"

        return [[text(*bound) for bound in transaction] for transaction in self.next_bound()]

    def next_bound(self):
        """One more order: for each transaction its statements, each with its parameters."""
        self.count += 1
        # Ids are ordered by time; those of the next millisecond come next.
        new = {old: (int.from_bytes(old) + (self.count << 80)).to_bytes(16) for old in self.ids}
        names = {base32(int.from_bytes(old)): base32(int.from_bytes(other)) for old, other in new.items()}
        seen = {}

        def fresh(value):
            if isinstance(value, bytes):
                return new.get(value, value)
            if isinstance(value, str):
                for old, other in names.items():
                    value = value.replace(old, other)
                if value.startswith("POST /v1/orders "):
                    value += f"-{self.count}"
            return value

        def bound(statement):
            table = re.search(r"(?:INTO|FROM|UPDATE) (\w+)", statement).group(1)
            verb = statement.split(" ", 1)[0]
            ordinal = seen[table, verb] = seen.get((table, verb), -1) + 1
            rows = self.rows[table]
            row = rows[ordinal % len(rows)]
            if table == "stock" and verb == "UPDATE":
                row["version"] += 1
                row["reserved"] += 1
            if verb == "INSERT":
                columns = re.search(r"\((.*?)\) VALUES", statement).group(1).split(", ")
                values = {f"${n + 1}": fresh(row[column]) for n, column in enumerate(columns)}
                if "version" in columns:
                    values[f"${columns.index('version') + 1}"] = 1
            else:
                values = {n: fresh(row[column]) for column, n in re.findall(r"(\w+) = (\$\d+)", statement)}
                guard = re.search(r" AND version = (\$\d+)", statement)
                if guard:
                    values[guard.group(1)] = row["version"] - 1 if table == "stock" else 1
            return statement, [values[f"${n + 1}"] for n in range(len(values))]

        return [[bound(statement) for statement in transaction] for transaction in self.transactions]

    def script(self, orders, batch):
        """`batch` orders share each transaction."""
        text = [PRAGMAS, f"ATTACH {literal(str(self.books))} AS books;", "PRAGMA books.synchronous = FULL;"]
        for begin in range(0, orders, batch):
            group = [self.next() for _ in range(min(batch, orders - begin))]
            for transaction in zip(*group):
                text += ["BEGIN IMMEDIATE;", *(line for order in transaction for line in order), "COMMIT;"]
        return "\n".join(text) + "\n"


def rate(directory, scratch, orders, batch):
    """Orders a second of the sqlite3 shell on a copy of the server's files."""
    copy = Path(scratch) / f"shell-{batch}"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    writer = OrderWriter(copy)
    before = count(writer.shard)
    script = copy / "orders.sql"
    script.write_text(writer.script(orders, batch))
    begin = time.perf_counter()
    with open(script) as text:
        subprocess.run(["sqlite3", "-bail", str(writer.shard)], stdin=text, stdout=subprocess.DEVNULL, check=True)
    seconds = time.perf_counter() - begin
    added = count(writer.shard) - before
    if added != orders:
        raise RuntimeError(f"the shell placed {added} orders, not {orders}")
    shutil.rmtree(copy)
    return orders / seconds


def commit_micros(directory, scratch, orders=200):
    """The median time that the two commits of an order in the shard's file take, with nobody else there."""
    copy = Path(scratch) / "commits"
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(directory, copy)
    writer = OrderWriter(copy)
    connection = sqlite3.connect(writer.shard, isolation_level=None)
    connection.executescript(PRAGMAS)
    connection.execute("ATTACH ? AS books", [str(writer.books)])
    times = []
    for _ in range(orders):
        own = 0.0
        for number, transaction in enumerate(writer.next()):
            connection.execute("BEGIN IMMEDIATE")
            for statement in transaction:
                connection.execute(statement)
            begin = time.perf_counter()
            connection.execute("COMMIT")
            own += time.perf_counter() - begin if number != 1 else 0.0
        times.append(own * 1e6)
    connection.close()
    shutil.rmtree(copy)
    return sorted(times)[len(times) // 2]


def count(path):
    connection = sqlite3.connect(path)
    (number,) = connection.execute(
        "SELECT count(*) FROM orders o JOIN payments p ON p.organization = o.organization AND p.id = o.payment_id "
        "WHERE o.status = 'confirmed' AND p.status = 'captured'").fetchone()
    connection.close()
    return number
