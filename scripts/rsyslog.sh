#!/bin/sh
# Make sure rsyslog and its TLS driver are installed, for the tests that feed the log to a collector. No
# service is started here: the tests run a private one, on a free port of this machine.
set -eu

have_rsyslog() {
    [ -x /usr/sbin/rsyslogd ] || command -v rsyslogd >/dev/null || return 1
    for driver in /usr/lib/*/rsyslog/lmnsd_gtls.so /usr/lib*/rsyslog/lmnsd_gtls.so; do
        [ -e "$driver" ] && return 0
    done
    return 1
}

have_rsyslog && exit 0

if [ "$(id -u)" -ne 0 ] || ! command -v apt-get >/dev/null; then
    printf 'strongroom: %s\n' "the tests need rsyslog with its GnuTLS driver" \
        "on Debian and Ubuntu: sudo apt-get install rsyslog rsyslog-gnutls" >&2
    exit 1
fi

echo "installing rsyslog" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
export DEBIAN_FRONTEND=noninteractive
{
    apt-get update
    apt-get install -y --no-install-recommends rsyslog rsyslog-gnutls
} >"$log" 2>&1 </dev/null || {
    cat "$log" >&2
    echo "strongroom: rsyslog could not be installed; see apt-get's words above" >&2
    exit 1
}
