#!/usr/bin/env bash
# Starts an OpenID provider in the background: start.sh DEST STATE; stop it with stop.sh STATE
# STATE/rig.json says its issuer, clients and audiences; tests find it by ERP_MCP_OIDC_DIR=STATE.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dest=$(realpath "${1:?"usage: start.sh DEST STATE"}")
mkdir -p "${2:?"usage: start.sh DEST STATE"}"
state=$(realpath "$2")
rm -f "$state/rig.json"
cp "$here"/*.mjs "$dest/"
(cd "$dest" && exec setsid node server.mjs "$state" >"$state/log" 2>&1 </dev/null) &
echo $! >"$state/pid"
for _ in $(seq 150); do
    if [ -f "$state/rig.json" ]; then
        node -p "const r = JSON.parse(require('fs').readFileSync('$state/rig.json')); 'OpenID provider: issuer ' + r.issuer + ', clients ' + Object.keys(r.clients).join(', ')"
        exit 0
    fi
    kill -0 "$(cat "$state/pid")" 2>/dev/null || break
    sleep 0.1
done
cat "$state/log" >&2
exit 1
