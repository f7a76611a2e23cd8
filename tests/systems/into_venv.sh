#!/usr/bin/env bash
# Installs pinned packages into a virtual environment of their own: into_venv.sh PINS TITLE PACKAGE VENV_DIR
# PINS is a file under requirements/; nothing of ours imports them. PYTHON may name the interpreter.
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
pins=$root/requirements/${1:?"usage: into_venv.sh PINS TITLE PACKAGE VENV_DIR"}
title=${2:?} package=${3:?} venv=${4:?"usage: install.sh VENV_DIR"}
stamp=$venv/.installed
if [ -f "$stamp" ] && cmp -s "$stamp" "$pins"; then
    echo "$title is installed in $venv"
    exit 0
fi
"${PYTHON:-python3}" -m venv --clear "$venv"
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r "$pins" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$pins" "$stamp"
version=$("$venv/bin/python" -c 'import sys; from importlib.metadata import version; print(version(sys.argv[1]))' "$package")
echo "$title $version is installed in $venv"
