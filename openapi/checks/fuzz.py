"""Sends generated requests, valid and invalid ones, to a running server, and compares its answers with the description that it
serves: statuses, media types, headers, schemas, credentials. A wrapper of schemathesis with a fixed seed.

    fuzz.py --url http://127.0.0.1:8080 --organization org_… --key key_… --operator-token T --skus A,B --cases N

Runs in rounds, each with a seed of its own, until that many requests were answered. The last line of standard output is JSON:
how many requests there were, the statuses of each operation, the operations that the server does not serve, and how many
answers each header was found on, all of them described.
"""

import argparse
import collections
import copy
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
IGNORED_WHEN_INVALID = ("X-Request-Id", "traceparent", "tracestate")

CONFIGURATION = """
hooks = "hooks"
color = false
request-timeout = 30
continue-on-failure = true
max-failures = 40
suppress-health-check = ["all"]

[cache]
enabled = false

[auth.openapi.ApiKey]
bearer = "{key}"

[auth.openapi.OperatorToken]
bearer = "{operator}"

[generation]
mode = "all"
max-examples = {examples}
database = "none"
no-shrink = true

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "304"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "413", "414", "415", "422", "431"]

[phases.coverage]
enabled = {coverage}

[phases.stateful]
max-steps = 8
inference.algorithms = []

# Most of what can happen happens to orders.
[[operations]]
include-operation-id = ["placeOrder", "cancelOrder", "fulfillOrder", "refundOrder"]
generation.max-examples = {order_examples}
"""


def arguments():
    parser = argparse.ArgumentParser()
    for name in ("url", "organization", "key", "operator-token", "skus"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--description", help="a file to compare with, instead of what the server serves")
    parser.add_argument("--cases", type=int, default=1)
    parser.add_argument("--examples", type=int, default=10, help="of each operation in a round")
    parser.add_argument("--seed", type=int, default=20261124)
    return parser.parse_args()


def unserved(options):
    """The paths of the description that the server answers with 404 whatever the method."""
    source = Path(options.description).resolve().as_uri() if options.description else f"{options.url}/openapi.json"
    with urllib.request.urlopen(source) as answer:
        document = json.load(answer)
    paths = []
    for path in document["paths"]:
        probe = path.replace("{", "x").replace("}", "x")
        try:
            urllib.request.urlopen(urllib.request.Request(options.url + probe, method="OPTIONS"))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                paths.append(path)
    return document, paths


def for_generation(document):
    """The description as requests are made from it. What these headers' schemas do not allow is ignored and never refused: a
    request is not invalid for it. hooks.py sends what they allow."""
    document = copy.deepcopy(document)
    for parameter in document["components"]["parameters"].values():
        if parameter["in"] == "header" and parameter["name"] in IGNORED_WHEN_INVALID:
            parameter["schema"] = {"type": "string"}
    return document


def round_of(number, options, skipped, folder):
    """One run of schemathesis. Returns its counts, or prints what it found and exits."""
    counts = folder / f"counts-{number}.json"
    # The combinations that the coverage phase makes are the same each time: once is enough.
    (folder / "schemathesis.toml").write_text(
        CONFIGURATION.format(
            key=options.key, operator=options.operator_token, examples=options.examples,
            order_examples=4 * options.examples,
            coverage="true" if number == 0 else "false"),
        encoding="utf-8")
    environment = dict(
        os.environ, PYTHONPATH=str(HERE), PYTHONDONTWRITEBYTECODE="1", PANTRY_FUZZ_SEED=str(options.seed + number),
        PANTRY_FUZZ_SKUS=json.dumps(options.skus.split(",")), PANTRY_FUZZ_ORGANIZATION=options.organization,
        PANTRY_FUZZ_KEY=options.key, PANTRY_FUZZ_COUNTS=str(counts))
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", "schemathesis.toml", "run",
        "openapi.json", "--url", options.url, "--seed", str(options.seed + number),
    ]
    for path in skipped:
        command += ["--exclude-path", path]
    result = subprocess.run(
        command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True)
    # A request that goes wrong may be long: its beginning tells enough.
    lines = [line if len(line) <= 1_200 else line[:1_200] + "…" for line in result.stdout.splitlines()]
    print("\n".join(lines)[-14_000 if result.returncode else -1_500 :])
    if result.returncode:
        print(f"schemathesis ended with status {result.returncode} in round {number}")
        sys.exit(1)
    return json.loads(counts.read_text(encoding="utf-8"))


def main():
    options = arguments()
    started = time.monotonic()
    document, skipped = unserved(options)
    names = [
        operation["operationId"]
        for path, item in document["paths"].items() if path not in skipped
        for method, operation in item.items() if method != "parameters"
    ]
    total, excused = collections.defaultdict(collections.Counter), collections.defaultdict(collections.Counter)
    headers = collections.Counter()
    cases, number = 0, 0
    with tempfile.TemporaryDirectory(prefix="pantry-fuzz-") as folder:
        # From a file: schemathesis leaves out the operation that it reads the description from.
        Path(folder, "openapi.json").write_text(json.dumps(for_generation(document)), encoding="utf-8")
        while cases < options.cases:
            counts = round_of(number, options, skipped, Path(folder))
            for sums, part in ((total, counts["statuses"]), (excused, counts["excused"])):
                for name, members in part.items():
                    sums[name].update(members)
            headers.update(counts["headers"])
            before, cases = cases, sum(sum(statuses.values()) for statuses in total.values())
            if cases == before:
                sys.exit("a round without a request")
            number += 1
    unanswered = [name for name in names if not any(status[0] == "2" for status in total[name])]
    print(
        json.dumps(
            {
                "cases": cases, "rounds": number, "seconds": round(time.monotonic() - started), "skipped": skipped,
                "withoutSuccess": unanswered, "headers": headers, "excused": excused, "statuses": total,
            }))


if __name__ == "__main__":
    main()
