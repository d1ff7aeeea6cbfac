"""Whether each example in an OpenAPI document is valid against its schema (JSON Schema 2020-12).

Usage: openapi_examples.py FILE. Says what is wrong, a line each; exit code 1 when anything is, or when a
request or answer in JSON has no example.
"""

import json
import sys

from jsonschema import Draft202012Validator, FormatChecker

with open(sys.argv[1]) as file:
    document = json.load(file)
wrong, count = [], 0


def check(place, schema, example):
    global count
    count += 1
    whole = {**schema, "components": document["components"]}
    for error in Draft202012Validator(whole, format_checker=FormatChecker()).iter_errors(example):
        wrong.append(f"{place}: {error.message} at {error.json_path}")


def check_content(place, content):
    for kind, media in content.items():
        if "example" in media:
            check(f"{place} {kind}", media["schema"], media["example"])
        elif kind not in ("application/octet-stream", "text/html"):
            wrong.append(f"{place} {kind}: no example")


for path, item in document["paths"].items():
    for method, operation in item.items():
        place = f"{method} {path}"
        for parameter in operation.get("parameters", []):
            check(f"{place} {parameter['name']}", parameter["schema"], parameter["example"])
        if "requestBody" in operation:
            check_content(place, operation["requestBody"]["content"])
        for status, answer in operation["responses"].items():
            check_content(f"{place} {status}", answer.get("content", {}))

print(f"{count} examples", *wrong, sep="\n")
sys.exit(1 if wrong or count < 200 else 0)
