#!/usr/bin/env bash
# Stops what start.sh started: stop.sh STATE
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
state=$(realpath "${1:?"usage: stop.sh STATE"}")
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.nginx.start --stop "$state"
