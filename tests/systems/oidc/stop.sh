#!/usr/bin/env bash
# Stops what start.sh started: stop.sh STATE
set -euo pipefail
state=${1:?"usage: stop.sh STATE"}
while read -r pid; do kill "$pid" 2>/dev/null || true; done <"$state/pid"
rm -f "$state/pid" "$state/rig.json"
echo stopped
