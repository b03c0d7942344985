"""What an order executes on PostgreSQL: heard from the server's log, published in docs/order-statements-postgres.sql."""

import re
import time

from .machine import ROOT

PUBLISHED = ROOT / "docs" / "order-statements-postgres.sql"
HEAD = """\
-- All that an order of three lines executes on PostgreSQL, in its order, through a transaction pooler, where each transaction
-- says all that it does. Without one the first loads lock nothing and stand before the transaction, which begins with the
-- locks of what was read, or remembered from earlier orders, and a comparison with the transactions that wrote it; where rows
-- are updated anyway, their updates compare. The writes are the same.
-- Orders that wait at the same moment share each of the three transactions: the lists then have more elements, the
-- statements stay the same. Parameters are open. Of a transaction BEGIN and the first loads travel together, later loads
-- where they depend on the first, and the writes with COMMIT. What sets a transaction's timeouts is left out.
-- `Benchmarks/run postgres` hears the list from the server's log and compares it with this file.
"""
PREFIX = re.compile(r"^([^|\n]*)\|(\d+)\|([^|\n]*)\|(LOG|DETAIL|ERROR|STATEMENT|HINT|CONTEXT|FATAL|WARNING):  ")
KEY = "heard-order"
SKUS = ["p-101", "p-102", "p-103"]


class Statement:
    """A text with its parameters as they were sent."""

    def __init__(self, text, parameters):
        self.text, self.parameters = text, parameters


class Transaction:
    def __init__(self, database, statements):
        self.database, self.statements = database, statements


def place(server, key, name, skus=SKUS):
    items = [{"sku": sku, "quantity": n + 1} for n, sku in enumerate(skus)]
    order = server.call("POST", "/v1/orders", {"items": items}, key, key=name)
    if order.get("status") != "confirmed":
        raise RuntimeError(f"the order was not confirmed: {order}")
    return order


def heard(postgres, server, key):
    """The transactions of one lone order, and all that was executed beside them until its answer."""
    # The first fill the memory of products and the connections' prepared statements.
    for number in range(8):
        place(server, key, f"{KEY}-before-{number}")
    postgres.configure("log_statement", "all")
    begin = postgres.log.stat().st_size
    place(server, key, KEY)
    time.sleep(0.2)
    end = postgres.log.stat().st_size
    postgres.configure("log_statement", None)
    with open(postgres.log, "rb") as log:
        log.seek(begin)
        text = log.read(end - begin).decode()
    return parse(text)


def parse(text):
    records = []
    for line in text.splitlines():
        found = PREFIX.match(line)
        if found:
            records.append([*found.groups(), line[found.end():]])
        elif records:
            records[-1][-1] += "\n" + line.removeprefix("\t")
    open_transactions, transactions, others = {}, [], []
    statement = None
    for database, process, _, kind, message in records:
        if kind == "DETAIL" and message.startswith("parameters: ") and statement is not None:
            statement.parameters = parameters(message.removeprefix("parameters: "))
            continue
        found = re.match(r"(?:execute [^:]*|statement): (.*)", message, re.DOTALL) if kind == "LOG" else None
        if not found:
            continue
        statement = Statement(" ".join(found.group(1).split()), [])
        if statement.text.startswith("BEGIN"):
            open_transactions[process] = Transaction(database, [])
        elif statement.text.startswith("SELECT set_config("):
            continue
        elif process not in open_transactions:
            others.append(Transaction(database, [statement]))
        elif statement.text.startswith(("COMMIT", "ROLLBACK")):
            transaction = open_transactions.pop(process)
            (transactions if is_of_an_order(transaction) else others).append(transaction)
        else:
            open_transactions[process].statements.append(statement)
    return transactions, others


def is_of_an_order(transaction):
    texts = " ".join(statement.text for statement in transaction.statements)
    return any(mark in texts for mark in ("INTO orders", "UPDATE orders", "INTO operations"))


def parameters(text):
    """The values of `$1 = '…', $2 = NULL, …`, None for NULL."""
    return [None if value == "NULL" else value[1:-1].replace("''", "'")
            for value in re.findall(r"\$\d+ = (NULL|'(?:[^']|'')*')", text)]


def elements(text):
    """The elements of an array's text, None for NULL."""
    found = re.findall(r'"((?:[^"\\]|\\.)*)"|([^",{}]+)', text[1:-1])
    return [None if plain == "NULL" else plain or re.sub(r"\\(.)", r"\1", quoted) for quoted, plain in found]


def listing(transactions):
    text = HEAD
    for number, transaction in enumerate(transactions, 1):
        place = "the provider's books" if transaction.database == "control" else "the shard"
        text += f"\n-- transaction {number}, in {place}\nBEGIN;\n"
        text += "".join(f"{statement.text};\n" for statement in transaction.statements) + "COMMIT;\n"
    return text


def published():
    """The published transactions, each a list of texts."""
    text = re.sub(r"^--.*$", "", PUBLISHED.read_text(), flags=re.MULTILINE)
    transactions = []
    for line in filter(None, (line.strip().removesuffix(";") for line in text.splitlines())):
        if line == "BEGIN":
            transactions.append([])
        elif line != "COMMIT":
            transactions[-1].append(line)
    return transactions


def difference(transactions):
    """What differs from the published list; nothing if it is the same."""
    ours = [[statement.text for statement in transaction.statements] for transaction in transactions]
    theirs = published() if PUBLISHED.exists() else []
    lines = [f"not published: {text}" for text in sum(ours, []) if text not in sum(theirs, [])]
    lines += [f"not executed: {text}" for text in sum(theirs, []) if text not in sum(ours, [])]
    if not lines and ours != theirs:
        lines = ["the same statements in another order, or another number of times"]
    return lines
