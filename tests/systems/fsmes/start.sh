#!/usr/bin/env bash
# Starts FactorySemantics MES with the demo plant in it: start.sh VENV_DIR STATE_DIR; stop it with stop.sh STATE_DIR
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
venv=$(realpath "${1:?"usage: start.sh VENV_DIR STATE_DIR"}")
mkdir -p "${2:?"usage: start.sh VENV_DIR STATE_DIR"}"
state=$(realpath "$2")
cd "$root"
exec .venv/bin/python -m tests.systems.fsmes.start "$venv" "$state"
