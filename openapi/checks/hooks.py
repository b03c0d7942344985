"""Hooks of schemathesis: what a description cannot say, and the counts of the run.

The generator knows no SKU, order or token that exists. So valid requests are given such things, most of the time; invalid ones
are left as they are. What remains refused must be refused for a reason that no schema can hold.
"""

import atexit
import collections
import copy
import itertools
import json
import os
import random
import re

import schemathesis
from schemathesis.core.failures import AcceptedNegativeData, ServerError
from schemathesis.generation.meta import StatefulPhaseData
from schemathesis.openapi.checks import AllowHeaderMismatch, RejectedPositiveData, UnsupportedMethodResponse
from validate import resolve

# Reasons to refuse a body that its schema allows: they depend on what is stored, or on the whole of a document.
SEMANTIC = {"unknown-sku", "mixed-currencies", "too-large", "unknown-plan", "wrong-currency", "wrong-step"}
OWN_DOCUMENTS = ("/metadata", "/attributes")
KEEPING_BACK = ("open", "forceOpen", "disable", "observe", "tryNow", "close")
LIMITED_PLANS = ("standard", "trial", "burst", "anonymous")

# What the server writes for HTTP's own sake; everything else that it sends, the description names.
HTTP_ITSELF = {"content-type", "content-length", "connection"}
REQUEST_ID = re.compile("[A-Za-z0-9._-]{1,128}")

with open("openapi.json", encoding="utf-8") as file:
    DOCUMENT = json.load(file)

chance = random.Random(int(os.environ["PANTRY_FUZZ_SEED"]))
counts = collections.defaultdict(collections.Counter)
excused = collections.defaultdict(collections.Counter)
# On how many answers each header was found that is described there.
headers = collections.Counter()
pool = {
    "sku": list(json.loads(os.environ["PANTRY_FUZZ_SKUS"])),
    "order": [],
    "confirmed": [],
    "key": [],
    "session": [],
    "organization": [os.environ["PANTRY_FUZZ_ORGANIZATION"]],
    "saga": [],
    "cursor": {},
}
# Consistency tokens by organization, as a read takes no other's; and whose each saga is.
tokens = collections.defaultdict(list)
organization_of = {}
STOCKED = list(pool["sku"])
numbers = itertools.count(1)
# The last request of each operation that had a key and succeeded: to be sent once more.
repeatable = {}
SKU, ORDER = re.compile("[A-Za-z0-9._-]{1,64}"), re.compile("ord_[0-7][0-9a-hjkmnp-tv-z]{25}")
OWN_ORGANIZATION = os.environ["PANTRY_FUZZ_ORGANIZATION"]
OWN_KEY = os.environ["PANTRY_FUZZ_KEY"].split(".")[0]


def some(kind, share):
    """Something that exists, with that probability; None otherwise."""
    return chance.choice(pool[kind]) if pool[kind] and chance.random() < share else None


def operation_id(case):
    return case.operation.definition.raw["operationId"]


def owner(case):
    """The organization that a request is about; None where it is about none in particular."""
    name, path = operation_id(case), case.path_parameters or {}
    if "/organizations/{id}" in case.operation.path:
        return path.get("id")
    if "/ops/sagas/{id}" in case.operation.path:
        return organization_of.get(path.get("id"))
    if name == "listSagas":
        return (case.query or {}).get("organization")
    return None if name in ("createOrganization", "listOrganizations") else OWN_ORGANIZATION


@schemathesis.serializer("application/x-ndjson", "application/ndjson", "application/jsonl", "text/csv")
def lines(ctx, value):
    return (value if isinstance(value, str) else json.dumps(value)).encode("utf-8", "replace")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is not None and case.meta.generation.mode.is_positive:
        # In a chain of requests each is about what the one before made.
        fill(case, isinstance(case.meta.phase.data, StatefulPhaseData))
        # Not of an invalid request: schemathesis would judge its headers anew, and take wrong credentials for valid ones.
        fill_ignored(case)
        fill_session(case)
    else:
        fill_valid_parts(case)
    # What the run itself needs must live: the products in stock, and the key.
    if operation_id(case) == "deleteProduct" and case.path_parameters.get("sku") in STOCKED:
        case.path_parameters["sku"] = (pool["sku"][len(STOCKED) :] or ["NOTHING"])[-1]
    # And orders must be charged: nobody keeps the provider's calls back, or limits the run's own organization.
    if operation_id(case) == "directBreaker" and isinstance(case.body, dict) and case.body.get("action") in KEEPING_BACK:
        case.body["action"] = "automatic"
    if operation_id(case) in ("createOrganization", "updateOrganization") and isinstance(case.body, dict):
        if case.body.get("plan") in LIMITED_PLANS:
            case.body["plan"] = "unlimited"
    if operation_id(case) == "listEvents":
        bound_wait(case)
    for name in ("id", "key"):
        if case.path_parameters.get(name) == OWN_KEY:
            case.path_parameters[name] = OWN_KEY[:-2] + "zz"


def bound_wait(case):
    """A stream does not end, and nobody makes events for a poll: each case is a poll that is answered soon, or is refused."""
    query = dict(case.query or {})
    wait = query.get("wait", 0)
    if not isinstance(wait, (str, int, float)):
        # Nothing at all may become of it on the wire, which would be a stream.
        wait = "none"
    elif re.fullmatch("[0-9]{1,2}", str(wait)) and int(wait) <= 60:
        wait = chance.choice([0, 0, 0, 1])
    case.query = {**query, "wait": wait}
    for name in [name for name in case.headers or {} if name.lower() == "accept"]:
        del case.headers[name]


def fill_session(case):
    """What is about the session that a request comes in is asked with one. Only in place of the run's own key: where
    credentials are left out or wrong, they are so on purpose."""
    if "/sessions/current" not in case.operation.path or not pool["session"]:
        return
    if (case.headers or {}).get("Authorization") == f"Bearer {os.environ['PANTRY_FUZZ_KEY']}":
        case.headers = {**case.headers, "Authorization": f"Bearer {chance.choice(pool['session'])}"}


def fill_valid_parts(case):
    """What is valid of an invalid request names things that exist: it must be refused for what is invalid, not for these."""
    path, name = case.path_parameters, operation_id(case)
    if "sku" in path and SKU.fullmatch(str(path["sku"])) and name not in ("deleteProduct", "updateProduct"):
        path["sku"] = chance.choice(STOCKED)
    if "/orders/" in case.operation.path and ORDER.fullmatch(str(path.get("id", ""))):
        path["id"] = some("order", 1) or path["id"]
    items = case.body.get("items") if name in ("placeOrder", "calculateOrder") and isinstance(case.body, dict) else None
    for item in items if isinstance(items, list) else []:
        if isinstance(item, dict) and isinstance(item.get("sku"), str) and SKU.fullmatch(item["sku"]):
            item["sku"] = chance.choice(STOCKED)


def fill(case, is_chained):
    name, path = operation_id(case), {} if is_chained else case.path_parameters
    if "sku" in path:
        path["sku"] = some("sku", 0.8) or path["sku"]
    if "/orders/" in case.operation.path and "id" in path:
        share = {"cancelOrder": 0.3, "fulfillOrder": 0.5, "refundOrder": 0.5}.get(name, 0)
        path["id"] = some("confirmed", share) or some("order", 0.8) or path["id"]
    if "organizations/" in case.operation.path and "id" in path:
        path["id"] = some("organization", 0.8) or path["id"]
    if "/ops/sagas/" in case.operation.path and "id" in path:
        path["id"] = some("saga", 0.9) or path["id"]
    if name == "listSagas" and "organization" in (case.query or {}):
        case.query["organization"] = some("organization", 0.8) or case.query["organization"]
    if name == "directBreaker" and path and chance.random() < 0.8:
        path["name"] = "payments"
    if path and name in ("revokeKey", "revokeOrganizationKey"):
        part = "key" if "key" in path else "id"
        path[part] = some("key", 0.8) or path[part]
    if name.startswith("import") and chance.random() < 0.6:
        case.body = rows(case.media_type)
    if name in ("placeOrder", "calculateOrder") and isinstance(case.body, dict):
        fill_order(case.body)
    if name == "updateProduct" and case.path_parameters["sku"] in STOCKED and isinstance(case.body, dict):
        # An order has one currency.
        case.body.pop("unitPrice", None)
    if name in ("createOrganization", "updateOrganization") and isinstance(case.body, dict) and case.body.get("plan"):
        case.body["plan"] = chance.choice(["unlimited", case.body["plan"]])
    if name == "refundOrder" and isinstance(case.body, dict) and isinstance(case.body.get("amount"), int):
        case.body["amount"] = chance.choice([1, 2, case.body["amount"]])
    fill_key(case, name, is_chained)
    if "cursor" in (case.query or {}):
        known = pool["cursor"].get(case.operation.path)
        if known and chance.random() < 0.5:
            case.query = {"cursor": known, "limit": 1}
        else:
            del case.query["cursor"]
    if "Pantry-Consistency-Token" in (case.headers or {}):
        organization = owner(case)
        known = tokens[organization] if organization else [token for each in tokens.values() for token in each]
        if known and chance.random() < 0.9:
            case.headers["Pantry-Consistency-Token"] = chance.choice(known)
        else:
            del case.headers["Pantry-Consistency-Token"]


def rows(media_type):
    """A body for an import: some rows, one of them wrong now and then."""
    products = [
        {"sku": f"IMPORT-{chance.randrange(20)}", "amount": chance.choice([0, 199, 250]), "onHand": chance.randrange(9)}
        for _ in range(chance.randrange(1, 5))
    ]
    if media_type == "text/csv":
        lines = [f"{row['sku']},A product,{row['amount']},USD,{row['onHand']}" for row in products]
        return "\r\n".join(["sku,name,amount,currency,onHand", *lines])
    return "\n".join(
        json.dumps(
            {
                "sku": row["sku"], "name": "A product", "unitPrice": {"amount": row["amount"], "currency": "USD"},
                "onHand": row["onHand"],
            })
        for row in products)


def fill_key(case, name, is_chained):
    if "Idempotency-Key" not in (case.headers or {}):
        return
    draw = chance.random()
    if draw < 0.1 and name in repeatable and not is_chained:
        path, body, key = copy.deepcopy(repeatable[name])
        case.path_parameters.update(path)
        case.headers["Idempotency-Key"] = key
        if body is not None:
            case.body = body
    elif draw < 0.9:
        case.headers["Idempotency-Key"] = f"generated-{os.environ['PANTRY_FUZZ_SEED']}-{next(numbers)}"


def fill_ignored(case):
    """Headers that are ignored unless they are as described, are so half of the time. The others are what HTTP can carry."""
    valid = {
        "X-Request-Id": f"generated.{next(numbers)}",
        "traceparent": f"00-{chance.getrandbits(128) | 1:032x}-{chance.getrandbits(64) | 1:016x}-0{chance.randrange(4)}",
        "tracestate": f"fuzz={chance.getrandbits(32):x},other@vendor=1",
    }
    for name in [name for name in valid if name in (case.headers or {})]:
        text = re.sub("[^\t -~\x80-\xff]", "", str(case.headers[name])).strip(" \t")
        case.headers[name] = valid[name] if chance.random() < 0.5 else text


def fill_order(body):
    items = body["items"]
    if isinstance(items, list):
        for item in items:
            item["sku"] = chance.choice(STOCKED) if chance.random() < 0.95 else item["sku"]
            item["quantity"] = chance.choice([1, 1, 2, 3, item["quantity"]])
        del items[chance.choice([1, 2, 3, 8]) :]
    if chance.random() < 0.5:
        body.pop("paymentMethod", None)
    else:
        body["paymentMethod"] = chance.choice(["pm_ok", "pm_declined", "pm_error", "pm_slow", "pm_lost", "pm_flaky"])


@schemathesis.hook
def after_call(context, case, response):
    name, status = operation_id(case), response.status_code
    if response.request.method != case.operation.method.upper():
        counts["otherMethods"][str(status)] += 1
        return
    is_replay = "true" in response.headers.get("idempotent-replayed", [])
    counts[name][f"{status} replayed" if is_replay else str(status)] += 1
    if not 200 <= status < 300:
        return
    key = response.request.headers.get("Idempotency-Key")
    if key and case.meta is not None and case.meta.generation.mode.is_positive and not is_replay:
        body = case.body if isinstance(case.body, (dict, list, str)) else None
        repeatable[name] = copy.deepcopy((dict(case.path_parameters), body, key.decode() if isinstance(key, bytes) else key))
    token = (response.headers.get("pantry-consistency-token") or [None])[0]
    if token and owner(case):
        remember_token(owner(case), token)
    if name == "endSession":
        shown = response.request.headers.get("Authorization")
        ended = (shown.decode() if isinstance(shown, bytes) else shown or "").removeprefix("Bearer ")
        pool["session"] = [session for session in pool["session"] if session != ended]
    if name == "deleteProduct" and case.path_parameters["sku"] in pool["sku"][len(STOCKED) :]:
        pool["sku"].remove(case.path_parameters["sku"])
    try:
        document = response.json()
    except ValueError:
        return
    if not isinstance(document, dict):
        return
    if name == "listSagas" and document["data"]:
        organization_of.update((saga["id"], saga["organizationId"]) for saga in document["data"])
        remember("saga", chance.choice(document["data"])["id"])
    if name == "createProduct":
        remember("sku", document["sku"])
    elif name == "placeOrder":
        remember("order", document["id"])
        if document["status"] == "confirmed":
            remember("confirmed", document["id"])
    elif name in ("cancelOrder", "fulfillOrder") and document["id"] in pool["confirmed"]:
        pool["confirmed"].remove(document["id"])
    elif name == "createOrganization":
        remember("organization", document["id"])
        remember_token(document["id"], token)
    elif name == "createSession":
        remember("session", document["token"])
    elif name == "createKey":
        remember("key", document["id"])
    elif isinstance(document.get("page"), dict) and document["page"]["nextCursor"]:
        if case.query == {"limit": 1} or set(case.query or {}) == {"cursor", "limit"}:
            pool["cursor"][case.operation.path] = document["page"]["nextCursor"]


def remember(kind, value):
    pool[kind].append(value)
    # The first ones stay: they are in stock.
    if len(pool[kind]) > 40:
        del pool[kind][10]


def remember_token(organization, token):
    tokens[organization] = [*tokens[organization][-39:], token]


@schemathesis.check
def described_headers(context, response, case):
    """Every header of an answer is described for its operation and status."""
    status, names = response.status_code, {name.lower() for name in response.headers} - HTTP_ITSELF
    answers = case.operation.definition.raw["responses"]
    if response.request.method != case.operation.method.upper():
        # Another method that its path does not take; else it is an answer of another operation, or of OPTIONS.
        if status not in (405, 429):
            return True
        answers = {"default": answers["default"]}
    answer = answers.get(str(status), answers.get("default"))
    if answer is None:
        return True
    described = {name.lower() for name in resolve(DOCUMENT, answer).get("headers", {})}
    undescribed = sorted(names - described)
    assert not undescribed, f"{operation_id(case)} {status}: not described: {', '.join(undescribed)}"
    headers.update(names)


@schemathesis.check
def own_request_id(context, response, case):
    """An answer has the request's own id, unless that is none that the server takes."""
    sent = response.request.headers.get("X-Request-Id")
    if sent is None:
        return True
    sent = (sent.decode("latin-1") if isinstance(sent, bytes) else sent).strip(" \t")
    answered = response.headers.get("x-request-id", [])
    is_own = answered == [sent]
    assert is_own == bool(REQUEST_ID.fullmatch(sent)), f"X-Request-Id: {sent!r} was answered with {answered}"
    headers["x-request-id of the request"] += is_own


@schemathesis.hook
def filter_failure(context, failure, case, response):
    """Whether a failure is one: False drops it."""
    status = response.status_code
    if isinstance(failure, ServerError):
        # The schema's own check sees to it that a 503 says why, and when to come back.
        return not (status == 503 and problem(response).get("code") and response.headers.get("retry-after"))
    if isinstance(failure, RejectedPositiveData):
        document = problem(response)
        # Whether the text of an import can be cut into rows, its schema cannot say.
        is_unreadable = status == 400 and operation_id(case).startswith("import")
        if not is_unreadable and not is_semantic(status, document):
            return True
        faults = sorted({fault["code"] for fault in document.get("errors", [])})
        excused[operation_id(case)][" ".join([str(status), document["code"], *faults])] += 1
        return False
    if isinstance(failure, (AllowHeaderMismatch, UnsupportedMethodResponse)):
        # The word stands where an order's id may stand: GET finds no order of that name.
        return case.operation.path != "/v1/orders/calculate"
    if isinstance(failure, AcceptedNegativeData):
        # The body of an import is a text whose lines are judged one by one.
        return not operation_id(case).startswith("import")
    return True


def problem(response):
    try:
        document = response.json()
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def is_semantic(status, document):
    code, detail = document.get("code"), document.get("detail", "")
    if status in (402, 404, 409, 503):
        return True
    if status == 400:
        return code == "invalid-cursor" or detail.startswith("Pantry-Consistency-Token must be one that")
    if status == 422 and code == "invalid":
        return all(is_semantic_fault(fault) for fault in document["errors"])
    return status == 422 and code == "idempotency-key-reused"


def is_semantic_fault(fault):
    is_own = fault["pointer"].startswith(OWN_DOCUMENTS) and fault["code"] in ("too-long", "too-deep", "control-character")
    is_stock = fault["pointer"] in ("/onHand", "/delta") and "units" in fault["detail"]
    # To JSON Schema, 2.0 is an integer.
    is_spelling = fault["code"] == "wrong-type" and fault["detail"].endswith("without fraction and exponent.")
    return fault["code"] in SEMANTIC or is_own or is_stock or is_spelling


@atexit.register
def write_counts():
    with open(os.environ["PANTRY_FUZZ_COUNTS"], "w", encoding="utf-8") as file:
        json.dump({"statuses": counts, "excused": excused, "headers": headers}, file)
