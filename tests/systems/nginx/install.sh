#!/usr/bin/env bash
# Puts nginx from Debian's packages into a folder of its own: install.sh DEST
# The package is unpacked there and not installed: no service is made or started, and no file of the machine changes.
set -euo pipefail
dest=${1:?"usage: install.sh DEST"}
program=$dest/usr/sbin/nginx
if [ ! -f "$dest/.installed" ]; then
    mkdir -p "$dest"
    rm -f "$dest"/nginx_*.deb
    (
        cd "$dest"
        fetch() { apt-get download -qq -o APT::Sandbox::User= nginx; }
        fetch 2>/dev/null || { apt-get update -qq && fetch; }
        dpkg-deb -x nginx_*.deb .
    )
    touch "$dest/.installed"
fi
if lacking=$(ldd "$program" | grep 'not found'); then
    echo "nginx lacks libraries of this machine: $lacking" >&2
    exit 1
fi
echo "$("$program" -v 2>&1) is in $dest"
