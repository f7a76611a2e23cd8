#!/usr/bin/env bash
# Installs the pinned FactorySemantics MES into a virtual environment of its own: install.sh VENV_DIR
# It needs Python 3.12 or later, which PYTHON may name. Nothing of ours imports it; the tests talk to it over HTTP.
set -euo pipefail
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
export PYTHON=$python
exec bash "$(dirname "$0")/../into_venv.sh" fsmes.txt "FactorySemantics MES" factorysemantics-mes "${1:-}"
