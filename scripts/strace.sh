#!/bin/sh
# Make sure strace is installed: the fault tests let calls of the file system fail with it.
set -eu

have_strace() {
    # It may be there and not be allowed to trace, as in some containers.
    command -v strace >/dev/null && strace -qq -e trace=none true 2>/dev/null
}

have_strace && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null || command -v strace >/dev/null; then
    printf 'strongroom: %s\n' "the fault tests need strace, and the right to trace (ptrace)" \
        "on Debian and Ubuntu: sudo apt-get install strace; in a container: --cap-add SYS_PTRACE" >&2
    exit 1
fi

echo "installing strace" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    apt-get install -y --no-install-recommends strace
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: strace could not be installed; see apt-get's words above" >&2
    exit 1
}
have_strace || {
    echo "strongroom: strace may not trace here; in a container: --cap-add SYS_PTRACE" >&2
    exit 1
}
