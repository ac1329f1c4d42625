"""Looks at where personal data is and is not: the catalogue, scans for leaks, and the two environments [2, 2.5]."""

from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from strongroom.app import System
from strongroom.audit import Entry, EventType
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    Check,
    Look,
    count,
    day,
    duties,
    failed,
    passed,
    some,
)
from strongroom.compliance.overseen import Finding
from strongroom.home.certificates import AMAZON_HOSTS
from strongroom.terms import Environment
from strongroom.vault.drift import seen_drift

_SCANNED_WITHIN: Final = timedelta(days=30)
_SEEN_LATELY: Final = timedelta(days=30)


def catalogue(system: System, now: datetime) -> Finding:
    """List what Amazon sent lately that nobody has classified, and operations let pass without being known."""
    lately = [row for row in seen_drift(system.database) if now - row.last_seen_at < _SEEN_LATELY]
    allowed = system.settings.gateway.allow_unknown
    if lately or allowed:
        why = (
            f"{count(len(lately), 'place')} of Amazon's answers nobody classified, "
            f"{count(len(allowed), 'operation')} let pass unknown"
        )
        remedy = "they are tokens until a newer catalogue knows them: `strongroom catalogue drift`"
        return failed(why, remedy, *(f"{row.operation} {row.path}" for row in lately[:10]))
    return passed("everything that Amazon sent in 30 days is classified", "no drift")


def scanned(mode: str, what: str, remedy: str) -> Look:
    """Return what looks for the last scan of this kind, and what it found."""

    def look(system: System, now: datetime) -> Finding:
        last = _last(system, mode)
        if last is None or now - datetime.fromisoformat(last.body["t"]) > _SCANNED_WITHIN:
            seen = "never" if last is None else f"last on {last.body['t'][:10]}"
            return failed(f"scanned for {what}: {seen}", remedy)
        proof = f"entry {last.seq} of the log"
        if last.body.get("n"):
            why = f"the last scan found {what}: {count(last.body['n'], 'place')}"
            return failed(why, f"mend it, then {remedy}", proof)
        at = datetime.fromisoformat(last.body["t"])
        read = last.body.get("bytes") or 0
        return passed(f"scanned for {what} on {day(at)}: none", proof, f"{read:,} bytes")

    return look


def environments(system: System, now: datetime) -> Finding:
    """See that a home for tests asks nobody real, and one for production nobody pretended."""
    del now
    environment = system.settings.environment
    hosts = {
        (seller.id, urlsplit(url).hostname or "")
        for seller in system.sellers.all()
        for url in (seller.endpoint, seller.lwa_url)
    }
    real = sorted({id_ for id_, host in hosts if _is_real(host)})
    pretended = sorted({id_ for id_, host in hosts if not _is_real(host)})
    wrong = real if environment is Environment.TEST else pretended
    if wrong:
        asked = "Amazon itself" if environment is Environment.TEST else "a pretended Amazon"
        why = f"this home is for {environment.value} and asks {asked}"
        remedy = "a home of its own for each: `strongroom init --environment`"
        return failed(why, remedy, f"selling partners {some(wrong)}")
    return passed(
        f"this home is for {environment.value}: keys, tokens and hosts are of it alone",
        f"{count(len(system.sellers.all()), 'selling partner')}",
    )


def _is_real(host: str) -> bool:
    return not host.startswith("sandbox.") and (host in AMAZON_HOSTS or host == "api.amazon.com")


def _last(system: System, mode: str) -> Entry | None:
    found = None
    for entry in system.audit.of_types((EventType.LEAK_SCAN_FINISHED,)):
        if entry.body.get("op") == mode:
            found = entry
    return found


CHECKS: Final = (
    Check(
        "catalogue.drift",
        duties("2-a"),
        HOURLY,
        "what Amazon sent and the catalogue did not know, and operations let pass unknown",
        "nothing of 30 days is unclassified, and nothing is let pass",
        catalogue,
    ),
    Check(
        "scan.data",
        duties("2-c"),
        HOURLY,
        "the last scan of stores, dumps and logs for personal data",
        "one within 30 days that found none: `strongroom scan`",
        scanned("leaks.data", "personal data", "`strongroom scan PATH…`"),
    ),
    Check(
        "scan.secrets",
        duties("2.5-a"),
        HOURLY,
        "the last scan of repositories for credentials",
        "one within 30 days that found none: `strongroom scan --secrets`",
        scanned("leaks.secrets", "credentials", "`strongroom scan --secrets REPO…`"),
    ),
    Check(
        "environment.apart",
        duties("2.5-c"),
        DAILY,
        "the home's environment, against the hosts it asks",
        "a home for tests asks nobody real, one for production nobody pretended",
        environments,
    ),
)
