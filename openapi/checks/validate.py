"""Checks the API's description by itself: it is valid OpenAPI 3.1, its references and links lead somewhere, and every example
is an instance of the schema that it stands beside. There is one of each body that a success may have, of each problem that an
answer may be, and of each header.

    validate.py FILE        the description as JSON, as the server serves it

Prints one line of JSON with what was counted, and exits with 1 and the faults if there are any.
"""

import json
import sys

from jsonschema import Draft202012Validator
from openapi_spec_validator import validate
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

ROOT = "urn:pantry"


def walk(value, pointer=""):
    yield pointer, value
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        step = str(name).replace("~", "~0").replace("/", "~1")
        yield from walk(member, f"{pointer}/{step}")


def resolve(document, value):
    while isinstance(value, dict) and "$ref" in value:
        target = document
        for step in value["$ref"].removeprefix("#/").split("/"):
            target = target[step.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def operations(document):
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if method != "parameters":
                shared = item.get("parameters", [])
                yield path, method, operation, shared + operation.get("parameters", [])


def examples_of(document, value):
    """What stands beside a schema as an example, by the place where it stands."""
    if "example" in value:
        return {"example": value["example"]}
    named = value.get("examples", {})
    return {f"examples/{name}": resolve(document, example)["value"] for name, example in named.items()}


def example_faults(document):
    """The faults of all examples, and how many there are."""
    registry = Registry().with_resource(ROOT, Resource.from_contents(document, default_specification=DRAFT202012))
    faults, count = [], 0
    for pointer, value in walk(document):
        if not (isinstance(value, dict) and "schema" in value):
            continue
        schema = {"$ref": f"{ROOT}#{pointer}/schema".replace("{", "%7B").replace("}", "%7D")}
        checker = Draft202012Validator(schema, registry=registry, format_checker=Draft202012Validator.FORMAT_CHECKER)
        for place, example in examples_of(document, value).items():
            count += 1
            for error in checker.iter_errors(example):
                faults.append(f"{pointer}/{place}: {error.json_path}: {error.message[:300]}")
    return faults, count


def words(schema):
    """The only values that a schema allows, where it names them."""
    return set(schema["enum"]) if "enum" in schema else {schema["const"]} if "const" in schema else set()


def codes_of(schema):
    """The codes of the problems that an answer may be."""
    return set().union(*(words(part.get("properties", {}).get("code", {})) for part in schema.get("allOf", [])))


def coverage_faults(document):
    """What has no example, and counts of what has one: bodies of successes, problems by their codes, headers of answers."""
    faults, shown = [], {"successes": 0, "problems": set(), "headers": 0}
    for path, method, operation, _ in operations(document):
        for status, response in operation["responses"].items():
            place, response = f"{method.upper()} {path} {status}", resolve(document, response)
            for name, header in response.get("headers", {}).items():
                shown["headers"] += 1
                if not examples_of(document, resolve(document, header)):
                    faults.append(f"{place}: the header {name} has no example")
            for kind, media in response.get("content", {}).items():
                examples = list(examples_of(document, media).values())
                if kind == "application/problem+json":
                    codes = {example["code"] for example in examples}
                    shown["problems"] |= codes
                    for code in sorted(codes_of(media["schema"]) ^ codes):
                        faults.append(f"{place}: {code} has no example, or only an example")
                elif examples:
                    shown["successes"] += status[0] == "2"
                else:
                    faults.append(f"{place}: {kind} has no example")
    problem = document["components"]["schemas"]["Problem"]
    known = set().union(*(words(kind["properties"]["code"]) for kind in problem["oneOf"]))
    for code in sorted(known - shown["problems"]):
        faults.append(f"there is no example of {code}")
    return faults, shown | {"problems": len(shown["problems"])}


def reference_faults(document):
    used = {value["$ref"] for _, value in walk(document) if isinstance(value, dict) and "$ref" in value}
    faults = []
    for place in used:
        try:
            resolve(document, {"$ref": place})
        except KeyError:
            faults.append(f"{place} leads nowhere")
    text = json.dumps(document)
    for kind, members in document["components"].items():
        for name in members:
            # A schema may be there for a text to name it, as a line of a body that is no JSON.
            is_used = f"#/components/{kind}/{name}" in used or kind == "securitySchemes" or f"`{name}`" in text
            if not is_used:
                faults.append(f"components/{kind}/{name} is not used")
    return faults


def link_faults(document):
    by_id = {operation["operationId"]: parameters for _, _, operation, parameters in operations(document)}
    faults = []
    for path, method, operation, _ in operations(document):
        for status, response in operation["responses"].items():
            for name, link in resolve(document, response).get("links", {}).items():
                link = resolve(document, link)
                target = by_id.get(link["operationId"])
                known = {resolve(document, parameter)["name"] for parameter in target or []}
                if target is None or not set(link.get("parameters", {})) <= known:
                    faults.append(f"{method.upper()} {path} {status}: the link {name} does not fit its target")
    return faults


def operation_faults(document):
    faults, seen = [], set()
    tags = {tag["name"] for tag in document["tags"]}
    for path, method, operation, _ in operations(document):
        place = f"{method.upper()} {path}"
        if operation["operationId"] in seen:
            faults.append(f"{place}: operationId {operation['operationId']} occurs twice")
        seen.add(operation["operationId"])
        if not set(operation["tags"]) <= tags or len(operation["tags"]) != 1:
            faults.append(f"{place}: it has one tag of those declared")
        for status, response in operation["responses"].items():
            response = resolve(document, response)
            if "X-Request-Id" not in response.get("headers", {}):
                faults.append(f"{place} {status}: every answer has X-Request-Id")
            schema = response.get("content", {}).get("application/problem+json")
            if (status[0] in "45" or status == "default") and status != "503" and not schema:
                faults.append(f"{place} {status}: a refusal is a problem document")
    return faults


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        document = json.load(file)
    validate(document)
    faults, examples = example_faults(document)
    unshown, shown = coverage_faults(document)
    faults += unshown + reference_faults(document) + link_faults(document) + operation_faults(document)
    for fault in faults:
        print(fault, file=sys.stderr)
    print(
        json.dumps(
            {"operations": len(list(operations(document))), "examples": examples, **shown, "faults": len(faults)}))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
