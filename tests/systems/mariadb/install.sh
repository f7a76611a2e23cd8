#!/usr/bin/env bash
# Installs MariaDB's server programs where they are missing (Debian and Ubuntu, as root): install.sh
# No server of the machine's own is started; the tests make theirs with start.sh.
set -euo pipefail
PATH="$PATH:/usr/sbin:/usr/local/sbin"
if ! command -v mariadbd >/dev/null 2>&1 || ! command -v mariadb-install-db >/dev/null 2>&1; then
    export DEBIAN_FRONTEND=noninteractive RUNLEVEL=1
    apt-get update -qq
    apt-get install -y -qq --no-install-recommends mariadb-server >/dev/null
fi
echo "$(mariadbd --version) is installed"
