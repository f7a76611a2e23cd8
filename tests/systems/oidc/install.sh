#!/usr/bin/env bash
# Installs the pinned OpenID provider into a folder of its own: install.sh DEST
set -euo pipefail
dest=${1:?"usage: install.sh DEST"}
here=$(cd "$(dirname "$0")" && pwd)
if [ -f "$dest/.installed" ] && cmp -s "$dest/.installed" "$here/package.json"; then
    echo "oidc-provider is installed in $dest"
    exit 0
fi
mkdir -p "$dest"
cp "$here/package.json" "$dest/package.json"
(cd "$dest" && npm install --no-audit --no-fund --no-package-lock --ignore-scripts --loglevel=error)
cp "$here/package.json" "$dest/.installed"
echo "oidc-provider $(cd "$dest" && node -p 'require("./node_modules/oidc-provider/package.json").version') is installed in $dest"
