#!/usr/bin/env bash
# Starts a seeded Tryton in the background: start.sh VENV_DIR STATE_DIR [PLANT_DIR]; stop it with stop.sh STATE_DIR
# With PLANT_DIR a second one holds that demo plant; it is made there where there is none.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
venv=$(realpath "${1:?"usage: start.sh VENV_DIR STATE_DIR"}")
mkdir -p "${2:?"usage: start.sh VENV_DIR STATE_DIR"}"
state=$(realpath "$2")
plant=${3:+$(realpath -m "$3")}
cd "$root"
exec .venv/bin/python -m tests.systems.tryton.start "$venv" "$state" ${plant:+"$plant"}
