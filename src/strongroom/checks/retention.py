"""Looks at what is kept and for how long: dates, keys, purposes, holds and the archive [1.7, 2.1]."""

from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from strongroom.app import System
from strongroom.audit import EventType, ObjKind
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    MINUTES,
    Check,
    count,
    day,
    duties,
    failed,
    passed,
    some,
    unknown,
)
from strongroom.compliance.overseen import Finding
from strongroom.db import schema
from strongroom.errors import Tampered
from strongroom.policy.limits import DORMANT_AFTER
from strongroom.terms import Purpose

_SWEEP: Final = "strongroom retention sweep"
_LOOKS_BACK: Final = timedelta(days=400)
_SWEPT_WITHIN: Final = timedelta(hours=2)
_MAY_SERVE: Final = frozenset({Purpose.FULFILMENT, Purpose.TAX, Purpose.INVOICING})


def dates(system: System, now: datetime) -> Finding:
    """Count what is readable past its date, from the keys that would open it."""
    standing = system.dates.standing(now)
    keys = count(standing.day_keys + standing.pending_keys, "live key")
    if standing.overdue_keys:
        why = (
            f"{count(standing.overdue_keys, 'key')} past the day, the oldest for "
            f"{count(standing.oldest_past_its_date_days, 'day')}"
        )
        return failed(why, _SWEEP, f"{keys} in the keystore")
    return passed("no personal data is past its date", f"{keys}, none past its day")


def sweeps(system: System, now: datetime) -> Finding:
    """See when the sweep ended last."""
    last = system.audit.latest(EventType.RETENTION_SWEEP_FINISHED)
    if last is None or not last.body:
        return failed("no sweep ever ended", f"{_SWEEP}, and keep `strongroom serve` running")
    at = datetime.fromisoformat(last.body["t"])
    proof = f"entry {last.seq} of the log"
    if now - at > _SWEPT_WITHIN:
        why = f"the last sweep ended at {at:%Y-%m-%d %H:%M} UTC; one is due every hour"
        return failed(why, f"keep `strongroom serve` running; {_SWEEP}", proof)
    return passed(f"swept at {at:%Y-%m-%d %H:%M} UTC", proof)


def undated(system: System, now: datetime) -> Finding:
    """See that no order waits for its delivery in a window that is over."""
    seconds = int(now.timestamp())
    open_ = system.dates.open(1000)
    late = [one for one in open_ if one.pending_until <= seconds]
    if late:
        why = f"{count(len(late), 'undelivered order')} lie in a window that is over"
        return failed(why, _SWEEP, f"records {some(one.record for one in late)}")
    return passed(f"{count(len(open_), 'order')} undelivered, each in a window that is open")


def destroyed(system: System, now: datetime) -> Finding:
    """Hold the log's destroyed keys against the keystore: none is back, and none stands there with its bytes."""
    with system.keystore.view() as tx:
        table = schema.keystore_period
        query = sa.select(table.c.id).where(table.c.wrapped.is_not(None))
        there = set(tx.execute(query).scalars())
        marked = query.where(table.c.destroyed_at.is_not(None))
        half = set(tx.execute(marked).scalars())
    told = {
        int(entry.body["obj"]["ref"]): entry.seq
        for entry in system.audit.of_types((EventType.PERIOD_KEY_DESTROYED,), now - _LOOKS_BACK)
        if entry.body and entry.body["obj"]["kind"] == ObjKind.PERIOD.value
    }
    back = sorted((told.keys() & there) | half)
    if back:
        why = f"{count(len(back), 'key')} that the log tells as destroyed lie in the keystore"
        remedy = f"find out which copy was put back, then `{_SWEEP}`"
        return failed(why, remedy, f"periods {some(back)}")
    last = max(told.values(), default=None)
    proof = () if last is None else (f"entry {last} of the log",)
    return passed(f"{count(len(told), 'key')} destroyed in 400 days, none has come back", *proof)


def purposes(system: System, now: datetime) -> Finding:
    """See that whoever may read for one of Amazon's purposes does: access that nobody uses is not needed."""
    living = [
        row.grant
        for row in system.grants.all()
        if row.state(now) == "active" and row.grant.categories and row.grant.purpose in _MAY_SERVE
    ]
    since = now - 3 * DORMANT_AFTER
    touched = used(system, since)
    idle = [
        grant.id
        for grant in living
        if grant.id not in touched and (grant.approved_at or now) < since
    ]
    if idle:
        why = f"{count(len(idle), 'grant')} for tax or fulfilment not used for 90 days"
        return failed(why, "`strongroom grant revoke`", f"grants {some(idle)}")
    return passed(
        f"{count(len(living), 'grant')} for tax, invoicing or fulfilment, each in use or new"
    )


def reads(system: System, now: datetime) -> Finding:
    """Count who read what for which purpose, and hold each read against the grant it was made under."""
    granted = {row.grant.id: row.grant for row in system.grants.all()}
    by_purpose: dict[str, int] = {}
    wrong: list[int] = []
    for entry in system.audit.of_types((EventType.RECORD_REVEALED,), now - DAILY):
        if entry.outcome != "success" or not entry.body:
            continue
        purpose = str(entry.body.get("purpose"))
        by_purpose[purpose] = by_purpose.get(purpose, 0) + 1
        grant = granted.get(entry.body.get("dec") or 0)
        if grant is not None and grant.purpose.value != purpose:
            wrong.append(entry.seq)
    if wrong:
        why = f"{count(len(wrong), 'read')} for another purpose than its grant's"
        return failed(why, "find out how: `strongroom audit tail`", f"entries {some(wrong)}")
    told = ", ".join(f"{name}: {n:,}" for name, n in sorted(by_purpose.items())) or "none"
    return passed("every read of the last day was for its grant's purpose", f"reads {told}")


def holds(system: System, now: datetime) -> Finding:
    """See that each hold is what two people agreed on, has its day, and was confirmed within half a year."""
    try:
        found = system.vault.archive.holds.in_effect(now)
        waiting = system.vault.archive.holds.waiting()
    except Tampered as exc:
        return failed(exc.message, "find out who writes to the database")
    late = [hold.id for hold in found if hold.review_due_at <= now]
    if late:
        why = f"{count(len(late), 'hold')} not confirmed for half a year"
        return failed(why, "`strongroom hold review`", f"holds {some(late)}")
    seen = f"{count(len(found), 'hold')} in effect, each with its law and its end"
    return passed(seen, f"{count(len(waiting), 'change')} waiting for a second person")


def archive(system: System, now: datetime) -> Finding:
    """See that what a law keeps is sealed offline, opened by somebody each quarter, and destroyed in time."""
    standing = system.vault.archive.standing(now)
    if faults := standing.faults():
        return failed("; ".join(faults), "docs/archive.md says what to do")
    if late := standing.late(now):
        return failed("; ".join(late), "docs/archive.md says what to do")
    kept = [file for file in system.vault.archive.files() if file.destroyed_at is None]
    if not kept:
        return passed("nothing is archived, and nothing waits for it")
    last = max((at for at, _, _, sound in system.vault.archive.drills() if sound), default=None)
    drilled = "not yet due to be opened" if last is None else f"opened offline on {day(last)}"
    return passed(f"{count(len(kept), 'archive')} sealed, {drilled}")


def sealed_archive(system: System, now: datetime) -> Finding:
    """Read every archive's bytes back and see that they are what was sealed."""
    del now
    kept = system.vault.archive.files()
    faults = system.vault.archive.verify()
    if faults:
        return failed("; ".join(faults), "docs/archive.md: bring a copy back")
    recipients = system.vault.archive.recipients()
    if kept and not recipients:
        return unknown(
            "archives are there and nobody who could open them is named", "docs/archive.md"
        )
    return passed(f"{count(len(kept), 'archive')} read back whole, sealed to people offline")


def used(system: System, since: datetime) -> frozenset[int]:
    """Return the grants under which anything was read since."""
    types = (EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED, EventType.RELAY_DISCLOSED)
    return frozenset(
        entry.body["dec"]
        for entry in system.audit.of_types(types, since)
        if entry.outcome == "success" and entry.body.get("dec") is not None
    )


CHECKS: Final = (
    Check(
        "retention.dates",
        duties("2.1-a"),
        MINUTES,
        "every live key of the keystore, against its day",
        "no key is past its day: the sweep has run",
        dates,
    ),
    Check(
        "retention.sweep",
        duties("2.1-a"),
        MINUTES,
        "the log's last sweep",
        "a sweep ended within two hours",
        sweeps,
    ),
    Check(
        "retention.undelivered",
        duties("2.1-a"),
        HOURLY,
        "orders whose delivery nobody knows, and the windows they lie in",
        "each lies in a window that is open",
        undated,
    ),
    Check(
        "keys.destroyed",
        duties("1.7-c"),
        HOURLY,
        "the keys that the log tells as destroyed, looked for in the keystore",
        "none of them is there",
        destroyed,
    ),
    Check(
        "purpose.needed",
        duties("2-b"),
        DAILY,
        "grants for tax, invoicing and fulfilment, against what was read under them",
        "each such grant was used within 90 days, or is newer",
        purposes,
    ),
    Check(
        "purpose.reads",
        duties("2.1-b"),
        HOURLY,
        "the last day's reads in the log, against the grants they were made under",
        "every read was for the purpose of its grant",
        reads,
    ),
    Check(
        "holds.confirmed",
        duties("1.7-b"),
        HOURLY,
        "every hold: who agreed, its end, when it was confirmed",
        "each hold is as agreed and was confirmed within half a year",
        holds,
    ),
    Check(
        "archive.standing",
        duties("2.1-c"),
        HOURLY,
        "recipients, what waits to be archived, drills and custody",
        "nothing waits, and somebody opened an archive offline this quarter",
        archive,
    ),
    Check(
        "archive.sealed",
        duties("2.1-c"),
        DAILY,
        "the bytes of every archive, read back",
        "each is what was sealed, to people offline",
        sealed_archive,
    ),
)
