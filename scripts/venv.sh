#!/bin/sh
# Make .venv with a Python new enough, or say what is missing and how to get it.
# Usage: scripts/venv.sh [PYTHON]; without an argument the first suitable interpreter is taken.
set -eu

fail() {
    printf 'strongroom: %s\n' "$@" >&2
    exit 1
}

new_enough() {
    "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

# A venv whose interpreter was removed or upgraded away still has files but does not run.
if new_enough .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; then
    exit 0
fi

python=${1:-}
if [ -n "$python" ]; then
    new_enough "$python" || fail "$python is missing or older than Python 3.11" \
        "name another one: make setup PYTHON=/path/to/python3.12"
else
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 python; do
        if new_enough "$candidate"; then
            python=$candidate
            break
        fi
    done
    [ -n "$python" ] || fail "no Python 3.11 or newer on PATH" \
        "install one (Debian 12 and later: apt-get install python3 python3-venv)," \
        "or name it: make setup PYTHON=/path/to/python3.12"
fi

# Debian's python3 comes without ensurepip; `-m venv` would leave half a .venv behind.
"$python" -c 'import ensurepip, venv' >/dev/null 2>&1 || fail \
    "$python cannot make virtual environments" \
    "on Debian and Ubuntu: apt-get install python3-venv"

echo "making .venv with $("$python" --version 2>&1)" >&2
"$python" -m venv --clear .venv
