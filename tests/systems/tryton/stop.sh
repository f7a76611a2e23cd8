#!/usr/bin/env bash
# Stops what start.sh started: stop.sh STATE_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
state=$(realpath "${1:?"usage: stop.sh STATE_DIR"}")
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.tryton.start --stop "$state"
