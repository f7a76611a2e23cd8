#!/usr/bin/env bash
# Starts MariaDB in the background: start.sh STATE_DIR; stop it with stop.sh STATE_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
mkdir -p "${1:?"usage: start.sh STATE_DIR"}"
state=$(realpath "$1")
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.mariadb.start "$state"
