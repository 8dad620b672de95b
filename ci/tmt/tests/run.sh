#!/bin/bash
# Checks and fuzzes the running kernel; what was found lies among the test's data.
set -euo pipefail
cd "${TMT_TEST_DATA:-.}"
abispec run --time "${TIME:-10m}" --journal journal.jsonl || status=$?
abispec merge journal.jsonl --report junit=report.xml --report html=report.html > report.txt || true
exit "${status:-0}"
