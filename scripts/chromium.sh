#!/bin/sh
# Make sure Chromium is installed, for the tests that use the desk's pages in a real browser. The tests
# start it themselves, without a window.
set -eu

have_chromium() {
    [ -n "${STRONGROOM_TEST_CHROMIUM:-}" ] && { [ -x "$STRONGROOM_TEST_CHROMIUM" ]; return; }
    command -v chromium >/dev/null || command -v chromium-browser >/dev/null ||
        command -v google-chrome >/dev/null
}

have_chromium && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'strongroom: %s\n' "the tests need Chromium" \
        "on Debian: sudo apt-get install chromium; elsewhere install it and name its program:" \
        "STRONGROOM_TEST_CHROMIUM=/path/to/chromium make test" >&2
    exit 1
fi

echo "installing Chromium" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    apt-get install -y --no-install-recommends chromium fonts-dejavu-core
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: Chromium could not be installed; see apt-get's words above" >&2
    exit 1
}
have_chromium || {
    echo "strongroom: this system's package holds no Chromium (Ubuntu has it as a snap); install it" >&2
    exit 1
}
