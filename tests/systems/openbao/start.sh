#!/usr/bin/env bash
# Starts an OpenBao in the background, over TLS, all in memory: start.sh VENV_DIR STATE_DIR; stop it with stop.sh STATE_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
venv=$(realpath "${1:?"usage: start.sh VENV_DIR STATE_DIR"}")
mkdir -p "${2:?"usage: start.sh VENV_DIR STATE_DIR"}"
state=$(realpath "$2")
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.openbao.start "$venv" "$state"
