#!/usr/bin/env bash
# Installs the pinned Tryton server into a virtual environment of its own: install.sh VENV_DIR
# Nothing of ours imports it; the tests talk to it over JSON-RPC.
set -euo pipefail
venv=${1:?"usage: install.sh VENV_DIR"}
root=$(cd "$(dirname "$0")/../../.." && pwd)
pins=$root/requirements/tryton.txt
stamp=$venv/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
    echo "Tryton is installed in $venv"
    exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$pins" "$stamp"
echo "Tryton $("$venv/bin/python" -c 'from importlib.metadata import version; print(version("trytond"))') is installed in $venv"
