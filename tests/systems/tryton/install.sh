#!/usr/bin/env bash
# Installs the pinned Tryton server into a virtual environment of its own: install.sh VENV_DIR
# Nothing of ours imports it; the tests talk to it over JSON-RPC.
set -euo pipefail
exec bash "$(dirname "$0")/../into_venv.sh" tryton.txt "Tryton" trytond "${1:-}"
