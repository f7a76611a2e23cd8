#!/usr/bin/env bash
# Starts the CAP rig in the background, filled with a demo plant: start.sh DEST STATE [PLANT]
# DEST is where install.sh put it. PostgreSQL is the rig of ERP_MCP_POSTGRESQL_DIR, or one of its own under STATE.
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
dest=$(realpath "${1:?"usage: start.sh DEST STATE [PLANT]"}")
mkdir -p "${2:?"usage: start.sh DEST STATE [PLANT]"}"
state=$(realpath "$2")
plant=${3:+$(realpath "$3")}
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.cap.start "$dest" "$state" ${plant:+"$plant"}
