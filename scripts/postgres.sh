#!/bin/sh
# Make sure PostgreSQL 15 or newer is installed, for the tests that run on it. No server is started
# here: the tests run a private one, on a socket in a temporary directory.
set -eu

have_postgres() {
    for initdb in "${STRONGROOM_TEST_PG_BIN:-/nonexistent}/initdb" \
        /usr/lib/postgresql/*/bin/initdb "$(command -v initdb || echo /nonexistent)"; do
        [ -x "$initdb" ] || continue
        # "initdb (PostgreSQL) 15.8 (Debian 15.8-1)"
        major=$("$initdb" --version | sed -n 's/.*PostgreSQL) \([0-9]*\).*/\1/p')
        [ "${major:-0}" -ge 15 ] && return 0
    done
    return 1
}

have_postgres && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'strongroom: %s\n' "the tests need PostgreSQL 15 or newer (initdb and postgres)" \
        "on Debian and Ubuntu: sudo apt-get install postgresql; elsewhere install it and" \
        "name its folder: STRONGROOM_TEST_PG_BIN=/path/to/bin make test" >&2
    exit 1
fi

echo "installing PostgreSQL" >&2
# Debian's package would make and start a system-wide cluster that nobody asked for.
if [ ! -e /etc/postgresql-common/createcluster.conf ]; then
    mkdir -p /etc/postgresql-common
    echo "create_main_cluster = false" >/etc/postgresql-common/createcluster.conf
fi
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    package=postgresql-15
    # Other releases carry another version; their `postgresql` depends on it.
    apt-cache show "$package" || package=postgresql
    apt-get install -y --no-install-recommends -o Dpkg::Options::=--force-confold "$package"
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: PostgreSQL could not be installed; see apt-get's words above" >&2
    exit 1
}
have_postgres || {
    echo "strongroom: this system's PostgreSQL is older than 15; install a newer one" >&2
    exit 1
}
