#!/bin/sh
# Make sure Node.js 18 or newer is here, and what the tests use of npm: in .venv/oidc-provider the
# OpenID Connect provider that they sign on with, in .venv/npm-client a client of the SP-API with its
# host hard-coded, in .venv/axe the rules that pages are held against. The versions and hashes are those
# of the package-lock.json in tests/clients/oidc, npm and axe, from whichever registry npm is set up for,
# without running any script of theirs.
set -eu

root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)

have_node() {
    command -v npm >/dev/null || return 1
    major=$(node --version 2>/dev/null | sed -n 's/^v\([0-9]*\)\..*/\1/p')
    [ "${major:-0}" -ge 18 ]
}

install_node() {
    if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
        printf 'strongroom: %s\n' "the tests need Node.js 18 or newer, and npm" \
            "on Debian and Ubuntu: sudo apt-get install nodejs npm" >&2
        exit 1
    fi
    echo "installing Node.js" >&2
    log=$(mktemp)
    trap 'rm -f "$log"' EXIT
    export DEBIAN_FRONTEND=noninteractive
    {
        apt-get update
        apt-get install -y --no-install-recommends nodejs npm
    } >"$log" 2>&1 </dev/null || {
        cat "$log" >&2
        echo "strongroom: Node.js could not be installed; see apt-get's words above" >&2
        exit 1
    }
    have_node || {
        echo "strongroom: this system's Node.js is older than 18; install a newer one" >&2
        exit 1
    }
}

have_node || install_node

# install FOLDER NAME: what tests/clients/FOLDER lists, into .venv/NAME.
install() {
    from=$root/tests/clients/$1
    to=$root/.venv/$2
    # npm leaves this file when it is done; the copy beside it says which list that was.
    if [ -e "$to/node_modules/.package-lock.json" ] && cmp -s "$from/package-lock.json" "$to/done"; then
        return
    fi
    echo "installing $2 for the tests" >&2
    mkdir -p "$to"
    rm -f "$to/done"
    cp "$from/package.json" "$from/package-lock.json" "$to/"
    (cd "$to" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error) >&2
    cp "$from/package-lock.json" "$to/done"
}

install oidc oidc-provider
install npm npm-client
install axe axe
