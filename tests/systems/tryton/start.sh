#!/usr/bin/env bash
# Starts a seeded Tryton in the background: start.sh VENV_DIR STATE_DIR; stop it with: kill "$(cat STATE_DIR/pid)"
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
venv=$(realpath "${1:?"usage: start.sh VENV_DIR STATE_DIR"}")
mkdir -p "${2:?"usage: start.sh VENV_DIR STATE_DIR"}"
state=$(realpath "$2")
cd "$root"
exec .venv/bin/python -m tests.systems.tryton.start "$venv" "$state"
