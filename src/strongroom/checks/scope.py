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
from strongroom.policy.leaving import has_ended
from strongroom.terms import Action, Environment, PrincipalKind, Purpose
from strongroom.vault.drift import seen_drift

_SCANNED_WITHIN: Final = timedelta(days=30)
_SEEN_LATELY: Final = timedelta(days=30)
_PAPER_LIES: Final = timedelta(days=90)
_DAILY_WORK: Final = frozenset({Purpose.FULFILMENT, Purpose.TAX, Purpose.INVOICING})


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


def exports(system: System, now: datetime) -> Finding:
    """See who may take data away whole: only for what a person, Amazon or an incident asks, never for daily work."""
    active = [
        row.grant
        for row in system.grants.all()
        if row.state(now) == "active" and row.grant.action is Action.EXPORT
    ]
    daily = [grant.id for grant in active if grant.purpose in _DAILY_WORK]
    if daily:
        why = f"{count(len(daily), 'grant')} to export for daily work"
        remedy = "`strongroom grant revoke`: tokens and the relay do that work"
        return failed(why, remedy, f"grants {some(daily)}")
    seen = count(len(active), "grant")
    return passed(f"{seen} to export, none for daily work")


def papers(system: System, now: datetime) -> Finding:
    """See that whoever printed something lately is here, or somebody who answers for it: paper is to be destroyed."""
    pages: dict[int, int] = {}
    for entry in system.audit.of_types((EventType.PAPER_PRINTED,), now - _PAPER_LIES):
        if entry.body:
            actor = int(entry.body["actor"]["id"])
            pages[actor] = pages.get(actor, 0) + int(entry.body.get("n") or 0)
    living = {
        person.id
        for kind in (PrincipalKind.PERSON, PrincipalKind.APP, PrincipalKind.NODE)
        for person in system.accounts.listed(kind)
        if not has_ended(person.ended_at, now)
    }
    gone = sorted(pages.keys() - living)
    total = count(sum(pages.values()), "page")
    if gone:
        why = f"{total} printed in 90 days, some by who is not here any more"
        remedy = "find the paper and have it destroyed; then state that it was"
        return failed(why, remedy, f"principals {some(gone)}")
    return passed(f"{total} printed in 90 days, each by who can be asked", f"{len(pages)} printed")


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
    Check(
        "exports.granted",
        duties("1.2-f"),
        HOURLY,
        "grants to export, and what for",
        "none is for daily work",
        exports,
    ),
    Check(
        "papers.answered",
        duties("2.3-f"),
        HOURLY,
        "what was printed in 90 days, and who printed it",
        "each of them is here and can be asked whether the paper was destroyed",
        papers,
    ),
)
