"""An order's statements for pgbench: as the lane sends them, and as one would write them by hand for one order."""

import re

from . import statements
from .pgbench import NUMBER, pipeline

DIGITS = "0123456789abcdefghjkmnpqrstvwxyz"
UNNEST = re.compile(r"unnest\(((?:\$\d+::\w+\[\](?:, )?)+)\)")


def literal(value):
    """A constant that pgbench leaves alone: it takes a colon for the beginning of a variable."""
    if value is None:
        return "NULL"
    quoted = value.replace("\\", "\\\\").replace("'", "''").replace(":", "\\072")
    return f"E'{quoted}'" if "\\" in quoted else f"'{quoted}'"


def base32(value):
    return "".join(DIGITS[value >> 5 * place & 31] for place in range(25, -1, -1))


class Values:
    """Another order's values in place of those that were heard: ids and keys of its own, and three products at random.
    `key` is the text that told the heard order from all others, `skus` are its products."""

    def __init__(self, transactions, key=statements.KEY, skus=statements.SKUS):
        self.key, self.skus = key, skus
        texts = [p for t in transactions for s in t.statements for p in s.parameters if p]
        uuids = sorted({u for text in texts for u in re.findall(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", text)})
        self.ids = {uuid: number for number, uuid in enumerate(uuids, 1)}
        self.names = {base32(int(uuid.replace("-", ""), 16)): number for uuid, number in self.ids.items()}

    def expression(self, value, kind):
        """One value in SQL, as its column's type."""
        if value in self.ids:
            # As with the ids that they stand for, those of later orders come later in the index.
            return f"(lpad(to_hex(:x::bigint), 16, '0') || '8000{self.ids[value]:012x}')::uuid"
        if kind == "text" and value is not None and len(value) < 120:
            if value in self.skus:
                return f"('p-' || :sku{self.skus.index(value)}::text)"
            for name, number in self.names.items():
                if name in value:
                    before, after = value.split(name)
                    return f"({literal(before)} || lpad(:x::text, 20, '0') || {literal(f'-{number:05}' + after)})"
            if self.key in value:
                before, after = value.split(self.key)
                return f"({literal(before + self.key + '-')} || :x::text || {literal(after)})"
        constant = "NULL" if value is None else value if kind == "bigint" else literal(value)
        return f"{constant}::{kind}"

    def lists(self, statement):
        """For each parameter of the statement its type and values: one, or a list's."""
        kinds = dict(re.findall(r"\$(\d+)::(\w+)", statement.text))
        return [(kinds[str(n)], [self.expression(v, kinds[str(n)]) for v in elements(statement, n - 1)])
                for n in range(1, len(statement.parameters) + 1)]


def elements(statement, place):
    """The values of the parameter at that place: one, or a list's."""
    value = statement.parameters[place]
    return statements.elements(value) if f"${place + 1}::" in statement.text and is_list(statement, place) else [value]


def is_list(statement, place):
    return re.search(rf"\${place + 1}::\w+\[\]", statement.text) is not None


def as_sent(statement, values):
    """The statement itself, with this order's lists in place of the parameters."""
    if "advisory" in statement.text:
        return re.sub(r"\$1::bigint\[\]", "ARRAY[:x::bigint]", statement.text)
    given = [f"ARRAY[{', '.join(items)}]::{kind}[]" if is_list(statement, place) else items[0]
             for place, (kind, items) in enumerate(values.lists(statement))]
    text = relative(statement.text)
    return re.sub(r"\$(\d+)::\w+(\[\])?", lambda found: given[int(found.group(1)) - 1], text)


def relative(text):
    """pgbench does not know what was read, so stock is changed by what the order takes, guarded as well: by the units and
    not by the version."""
    if not text.startswith("WITH done AS (UPDATE stock"):
        return text
    text = text.replace("reserved = v.reserved", "reserved = t.reserved + 1").replace("on_hand = v.on_hand", "on_hand = t.on_hand")
    text = text.replace("queued = v.queued", "queued = t.queued").replace("events = v.events", "events = t.events + 1")
    return text.replace("t.version = v.version", "t.on_hand - t.reserved >= 1")


def by_hand(statement, values):
    """The same effect in the statements that one writes for a single order: no lists, no count."""
    text = statement.text
    if "advisory" in text:
        return ["SELECT pg_advisory_xact_lock(:x::bigint)"]
    if "unnest" not in text:
        # For one row already; what counts it and tells its transaction is the lane's.
        text = re.sub(r"^WITH done AS \((.*) RETURNING 1\) SELECT .*$", r"\1", text).removesuffix(" RETURNING 1, txid_current()")
        items = [items[0] for _, items in values.lists(statement)]
        return [re.sub(r"\$(\d+)::\w+", lambda found: items[int(found.group(1)) - 1], text)]
    rows = list(zip(*(items for _, items in values.lists(statement))))
    text = re.sub(r"^WITH done AS \((INSERT .*)\) SELECT 1, txid_current\(\)$", r"\1", text)
    if text.startswith("INSERT"):
        head = text.split(" SELECT * FROM unnest")[0]
        return [f"{head} VALUES {', '.join('(' + ', '.join(row) + ')' for row in rows)}"]
    found = re.search(r"unnest\(.*?\)\s*(?:WITH ORDINALITY )?AS \w\(([^)]*)\)", text)
    columns = [column for column in found.group(1).split(", ") if column != "place"]
    if text.startswith("SELECT"):
        table = re.search(r"JOIN (\w+) t", text).group(1)
        selected = re.search(r"k\.place, (.*?)(?:, t\.xmin)? FROM", text)
        selected = selected.group(1) if selected else "1"
        lock = re.search(r" FOR .* OF t", text)
        lock = lock.group(0) if lock else ""
        if len(rows) == 1:
            return [f"SELECT {selected} FROM {table} t WHERE {matches(columns, rows[0])}{lock}"]
        # Rows of one organization, which differ in the last column of the key.
        last = f"t.{columns[-1]}"
        return [f"SELECT {selected} FROM {table} t WHERE {matches(columns[:-1], rows[0][:-1])} "
                f"AND {last} IN ({', '.join(row[-1] for row in rows)}) ORDER BY {last}{lock}"]
    table = re.search(r"UPDATE (\w+) t SET", text).group(1)
    keys = re.findall(r"t\.(\w+) = v\.\1", text.split(" WHERE ")[1])
    if table == "stock":
        events = "events = events + 1, " if "events" in columns else ""
        return [f"UPDATE stock t SET reserved = reserved + 1, {events}version = version + 1 "
                f"WHERE {matches(columns, row, [k for k in keys if k != 'version'])} AND on_hand - reserved >= 1" for row in rows]
    changes = [c for c in columns if c not in keys]
    return [f"UPDATE {table} t SET {', '.join(f'{c} = {row[columns.index(c)]}' for c in changes)}, version = version + 1 "
            f"WHERE {matches(columns, row, keys)}" for row in rows]


def matches(columns, row, keys=None):
    return " AND ".join(f"t.{c} = {e}" for c, e in zip(columns, row) if keys is None or c in keys)


def script(transactions, values, first, last, form, commits=3):
    """The script of an order: `form` is `as_sent` or `by_hand`; as many commits as the order has, or one for all. Of the
    products `first` to `last` it takes one at random and the two after it, as the clients over HTTP do."""
    lines = ["BEGIN"] if commits == 1 else []
    for transaction in transactions:
        body = []
        for statement in transaction.statements:
            one = form(statement, values)
            body += one if isinstance(one, list) else [one]
        lines += body if commits == 1 else ["BEGIN", *body, "COMMIT"]
    lines += ["COMMIT"] if commits == 1 else []
    numbers = f"\\set sku0 random({first}, {last - 2})\n\\set sku1 :sku0 + 1\n\\set sku2 :sku0 + 2\n"
    return NUMBER + numbers + pipeline(lines)


def hot_script(transactions, values, sku):
    """One line of one product: the order's row, the conditional update, a commit."""
    order = next(s for t in transactions for s in t.statements if s.text.startswith("INSERT INTO orders"))
    organization = values.lists(order)[0][1][0]  # a list's, or the only one
    update = (f"UPDATE stock SET reserved = reserved + 1, version = version + 1 WHERE organization = {organization} "
              f"AND sku = '{sku}' AND on_hand - reserved >= 1")
    # The row that everybody wants comes last, and is held for the shortest time.
    return NUMBER + pipeline(["BEGIN", *by_hand(order, values), update, "COMMIT"])
