#!/bin/sh
# Make sure that what judges the files of deploy/ is installed: systemd's analyzer and its containers, nftables, and ip.
# No service is started here, and no rule of this machine is touched.
set -eu

have_all() {
    for program in systemd-analyze systemd-nspawn nft ip curl; do
        PATH="$PATH:/usr/sbin:/sbin" command -v "$program" >/dev/null || return 1
    done
}

have_all && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'strongroom: %s\n' "the tests of deploy/ need systemd, systemd-nspawn, nft, ip and curl" \
        "on Debian and Ubuntu: sudo apt-get install systemd systemd-container nftables iproute2 curl" >&2
    exit 1
fi

echo "installing systemd's tools and nftables" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    apt-get install -y --no-install-recommends systemd systemd-container dbus nftables iproute2 curl
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: they could not be installed; see apt-get's words above" >&2
    exit 1
}
