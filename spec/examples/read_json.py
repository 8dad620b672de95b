#!/usr/bin/env python3
"""Reads the specification in Python: abispec export json > spec.json; abispec export json-schema > schema.json

read_json.py spec.json schema.json [CALL]    errors that a call may give, with their conditions
"""

import json
import sys

import jsonschema


def main():
    with open(sys.argv[1]) as spec_file, open(sys.argv[2]) as schema_file:
        spec, schema = json.load(spec_file), json.load(schema_file)
    jsonschema.validate(spec, schema)
    call = sys.argv[3] if len(sys.argv) > 3 else "pipe2"
    for rule in spec["syscalls"][call].get("errors", []):
        word, condition = ("when", rule["when"]) if "when" in rule else ("may ", rule["may"])
        print(f"{rule['errno']:<14} {word} {condition}")


if __name__ == "__main__":
    main()
