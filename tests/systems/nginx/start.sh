#!/usr/bin/env bash
# Starts nginx in the background, on this machine alone: start.sh DEST STATE; stop it with stop.sh STATE
set -euo pipefail
root=$(cd "$(dirname "$0")/../../.." && pwd)
dest=$(realpath "${1:?"usage: start.sh DEST STATE"}")
mkdir -p "${2:?"usage: start.sh DEST STATE"}"
state=$(realpath "$2")
cd "$root"
exec "${PYTHON:-.venv/bin/python}" -m tests.systems.nginx.start "$dest" "$state"
