#!/usr/bin/env bash
# Installs what the tests of the pictures need: install.sh DEST
# A browser where there is none (Debian and Ubuntu, as root), its pinned driver and the pinned rules of accessibility.
set -euo pipefail
dest=${1:?"usage: install.sh DEST"}
here=$(cd "$(dirname "$0")" && pwd)
if ! command -v chromium >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends chromium fonts-dejavu-core >/dev/null
fi
mkdir -p "$dest/axe"
bash "$here/../into_venv.sh" browser.txt "Playwright" playwright "$dest/venv"
if ! { [ -f "$dest/axe/.installed" ] && cmp -s "$dest/axe/.installed" "$here/package.json"; }; then
    cp "$here/package.json" "$dest/axe/package.json"
    (cd "$dest/axe" && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error)
    cp "$here/package.json" "$dest/axe/.installed"
fi
echo "$(chromium --version 2>/dev/null | head -1) is installed, with its driver and rules in $dest"
