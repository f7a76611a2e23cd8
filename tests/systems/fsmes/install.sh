#!/usr/bin/env bash
# Installs the pinned FactorySemantics MES into a virtual environment of its own: install.sh VENV_DIR
# It needs Python 3.12 or later, which PYTHON may name. Nothing of ours imports it; the tests talk to it over HTTP.
set -euo pipefail
venv=${1:?"usage: install.sh VENV_DIR"}
root=$(cd "$(dirname "$0")/../../.." && pwd)
pins=$root/requirements/fsmes.txt
stamp=$venv/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
    echo "FactorySemantics MES is installed in $venv"
    exit 0
fi
recent() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; }
python=
for one in ${PYTHON:+"$PYTHON"} python3.12 python3.13 python3.14 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python; do
    if recent "$one"; then
        python=$one
        break
    fi
done
if [ -z "$python" ]; then
    echo "FactorySemantics MES needs Python 3.12 or later; none is on PATH or under pyenv (PYTHON may name one)" >&2
    exit 3
fi
"$python" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$pins" "$stamp"
echo "FactorySemantics MES $("$venv/bin/python" -c 'from importlib.metadata import version; print(version("factorysemantics-mes"))') is installed in $venv"
