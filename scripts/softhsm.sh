#!/bin/sh
# Make sure SoftHSM 2 is installed: the tests keep a root key in a token of it, each in a folder of its own.
set -eu

have_softhsm() {
    command -v softhsm2-util >/dev/null || return 1
    for module in "${STRONGROOM_TEST_SOFTHSM:-/nonexistent}" /usr/lib/softhsm/libsofthsm2.so \
        /usr/lib/*/softhsm/libsofthsm2.so /usr/local/lib/softhsm/libsofthsm2.so \
        /opt/homebrew/lib/softhsm/libsofthsm2.so; do
        [ -e "$module" ] && return 0
    done
    return 1
}

have_softhsm && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'strongroom: %s\n' "the tests need SoftHSM 2 (softhsm2-util and libsofthsm2.so)" \
        "on Debian and Ubuntu: sudo apt-get install softhsm2; elsewhere install it and" \
        "name its module: STRONGROOM_TEST_SOFTHSM=/path/to/libsofthsm2.so make test" >&2
    exit 1
fi

echo "installing SoftHSM" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    apt-get install -y --no-install-recommends softhsm2
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: SoftHSM could not be installed; see apt-get's words above" >&2
    exit 1
}
have_softhsm || {
    echo "strongroom: SoftHSM was installed, and its module is in no known place" >&2
    exit 1
}
