#!/usr/bin/env bash
# Installs the pinned mitmproxy into a virtual environment of its own: install.sh VENV_DIR
# The tests start one process of it in front of each system whose answers they break.
set -euo pipefail
venv=${1:?"usage: install.sh VENV_DIR"}
root=$(cd "$(dirname "$0")/../../.." && pwd)
pins=$root/requirements/wire.txt
stamp=$venv/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
    echo "mitmproxy is installed in $venv"
    exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$pins" "$stamp"
echo "mitmproxy is installed in $venv"
