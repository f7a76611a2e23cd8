#!/usr/bin/env bash
# Installs the pinned mitmproxy into a virtual environment of its own: install.sh VENV_DIR
# The tests start one process of it in front of each system whose answers they break.
set -euo pipefail
exec bash "$(dirname "$0")/../into_venv.sh" wire.txt "mitmproxy" mitmproxy "${1:-}"
