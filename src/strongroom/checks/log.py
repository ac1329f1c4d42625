"""Looks at the log: that it goes on, says what it must, is whole, kept, and free of personal data [2.2, 2.6, 3]."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from strongroom.app import System
from strongroom.audit import EventType
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    MINUTES,
    SIX_HOURS,
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
from strongroom.leaks.report import masked
from strongroom.policy.limits import LOG_SHORTEST

_VERIFY: Final = "stop, keep a copy of every file, and run `strongroom audit verify`"
_SERVE: Final = "keep `strongroom serve` running; `strongroom doctor`"
_SILENT_AFTER: Final = timedelta(hours=1)
_ANCHORED_WITHIN: Final = timedelta(days=1)
_DRILL_EVERY: Final = timedelta(days=365)
_SAMPLE: Final = 2000
_MEMBERS: Final = frozenset({"t", "type", "outcome", "actor"})
_READ_BYTES: Final = 64 * 1024 * 1024

_event: Final = schema.audit_event


def heartbeat(system: System, now: datetime) -> Finding:
    """See that the process that serves beats: without it nothing would be missed."""
    last = system.audit.latest(EventType.LOG_HEARTBEAT)
    if last is None or not last.body:
        return unknown("no heartbeat was recorded yet", _SERVE)
    at = _instant(last.body["t"])
    proof = f"entry {last.seq} of the log"
    if now - at > _SILENT_AFTER:
        return failed(f"silent since {at:%Y-%m-%d %H:%M} UTC", _SERVE, proof)
    return passed(f"heartbeat at {at:%Y-%m-%d %H:%M} UTC, one each minute", proof)


def form(system: System, now: datetime) -> Finding:
    """Read the last day's entries and see that each says what clause 2.6 lists."""
    newest = system.audit.tail(_SAMPLE)
    wrong, types = [], set()
    for entry in newest:
        lacks = not entry.body.keys() >= _MEMBERS
        if not lacks and now - _instant(entry.body["t"]) > DAILY:
            continue
        types.add(entry.type)
        said = entry.body.get("type"), entry.body.get("outcome")
        if lacks or said != (entry.type, entry.outcome):
            wrong.append(entry.seq)
    if wrong:
        why = f"{count(len(wrong), 'entry', 'entries')} without what an entry has to say"
        return failed(why, _VERIFY, f"entries {some(wrong)}")
    if not types:
        return unknown("nothing was recorded within a day", _SERVE)
    seen = count(len(types), "kind of event", "kinds of events")
    return passed("each entry has its instant, who, what and how it ended", f"{seen} in a day")


def guarded(system: System, now: datetime) -> Finding:
    """Try to change and to remove an entry, each in a transaction that is given up: the database refuses both."""
    del now
    head = system.audit.tail(1)
    if not head:
        return unknown("the log is empty", _SERVE)
    here = _event.c.seq == head[-1].seq
    tries = {
        "changed": sa.update(_event).where(here).values(outcome="denied"),
        "removed": sa.delete(_event).where(here),
    }
    taken = [what for what, statement in tries.items() if not _refused(system, statement)]
    if taken:
        why = f"the database lets entries be {some(taken)}"
        return failed(why, "its triggers are gone: find out who dropped them, docs/audit.md")
    return passed("the database refuses to change or remove an entry", "both were tried")


def head(system: System, now: datetime) -> Finding:
    """See that the log's head is signed and continues what the signer remembers elsewhere."""
    del now
    report = system.audit.verify(full=False)
    if report.faults:
        return failed("the log is not what its signer vouched for", _VERIFY, *report.faults[:5])
    return passed(f"signed, and goes on from what the signer remembers: {report.size:,} entries")


def whole(system: System, now: datetime) -> Finding:
    """Hash every entry again and hold the tree against its signed head and every checkpoint."""
    del now
    report = system.audit.verify()
    if report.faults:
        return failed("the log is not what was recorded", _VERIFY, *report.faults[:5])
    root = "" if report.root is None else f", root {report.root.hex()[:16]}…"
    return passed("every entry is as it was recorded", f"{report.events:,} entries{root}")


def anchored(system: System, now: datetime) -> Finding:
    """See that whoever binds the log outside of this machine was reached within a day."""
    listed = system.anchors.listed()
    hint = "`strongroom audit witness list`, `audit timestamp list`, `audit copy list`"
    if any(not sound for _, sound in listed):
        return failed("a witness, authority or copy is not what was added", hint)
    behind = [
        anchor.id
        for anchor, _ in listed
        if anchor.reached_at is None or now - anchor.reached_at > _ANCHORED_WITHIN
    ]
    if behind:
        why = f"{len(behind)} of {len(listed)} outside have not taken the log for a day"
        return failed(why, hint, f"numbers {some(behind)}")
    if not listed:
        return passed("bound by its signer alone; nobody outside is asked")
    return passed(f"{count(len(listed), 'place')} outside took the log within a day")


def kept(system: System, now: datetime) -> Finding:
    """Count the entries from the first that may be gone: none is missing, and the oldest is old enough."""
    agreement = system.keeping.agreement(now)
    with system.database.read() as tx:
        there = tx.execute(sa.select(sa.func.count()).select_from(_event)).scalar_one()
        first = tx.execute(sa.select(sa.func.min(_event.c.seq))).scalar()
    size, _ = system.audit.counts(None)
    if gaps := system.audit.gaps():
        return failed("; ".join(gaps), "docs/keeping.md says what a gap means")
    if there < size - (first or 0) or (first or 0) > 0:
        why = f"{size - there:,} of {size:,} entries are missing"
        return failed(why, _VERIFY)
    oldest = next(system.audit.events(agreement.minimum), None)
    if oldest is None or not oldest.body:
        return failed("the oldest entry that has to be there is not", _VERIFY)
    at = _instant(oldest.body["t"])
    if agreement.minimum and now - at < LOG_SHORTEST:
        return failed(f"the oldest entry is of {day(at)}: less than 90 days are kept", _VERIFY)
    seen = f"all {size:,} entries since {day(at)}, none missing"
    return passed(seen, f"first entry with its bytes: {agreement.minimum}")


def agreed(system: System, now: datetime) -> Finding:
    """See that nothing is given up before the agreement's end and a year: what was, two people agreed on after it."""
    agreement = system.keeping.agreement(now)
    ended = next(system.audit.of_types((EventType.AGREEMENT_ENDED,)), None)
    early = [
        entry.seq
        for entry in system.audit.of_types((EventType.LOG_PRUNED,))
        if entry.outcome == "success" and (ended is None or ended.seq > entry.seq)
    ]
    if early or (agreement.minimum and ended is None):
        why = "entries were given up while the agreement holds"
        return failed(why, _VERIFY, f"entries {some(early)}")
    if agreement.ends_on is None:
        return passed("the agreement has no end: everything is kept")
    until = "" if agreement.kept_until is None else f", kept until {day(agreement.kept_until)}"
    return passed(f"the agreement ends on {agreement.ends_on}{until}")


def restorable(system: System, now: datetime) -> Finding:
    """See that a restore was tried within a year and worked: books that cannot be read back are none."""
    drills = [one for one in system.backups.drills() if one.sound]
    last = max((one.drilled_at for one in drills), default=None)
    if last is None or now - last > _DRILL_EVERY:
        why = "no restore was ever tried" if last is None else f"the last one was on {day(last)}"
        return failed(why, "`strongroom backup drill`: docs/backup.md")
    return passed(f"a restore was tried on {day(last)} and worked")


def evidence(system: System, now: datetime) -> Finding:
    """See that backups with the log are taken in time, so that evidence outlives this disk."""
    late = system.backups.late(now)
    last = system.backups.last()
    if late:
        return failed(f"late: {', '.join(late)}", "docs/backup.md")
    if last is None:
        return failed("no backup was ever taken", "`strongroom backup place add`, `backup run`")
    return passed(f"the last backup was taken on {day(last)}")


def clean(system: System, now: datetime) -> Finding:
    """Look for canaries' e-mail addresses and order ids in every file of the process's own log."""
    del now
    needles = [marker.encode() for marker in system.vault.canaries.markers()]
    if not needles:
        return unknown("there are no canaries to look for", "`strongroom canary plant`")
    found, read = [], 0
    for path in sorted(system.home.logs.rglob("*")):
        if path.is_file():
            content = _tail(path)
            read += len(content)
            if any(needle in content for needle in needles):
                found.append(masked(path.name))
    if found:
        why = f"personal data in {count(len(found), 'file')} of the process's log"
        return failed(why, "an incident: docs/runbooks; then find what wrote it", *found[:10])
    return passed(
        "no canary's value in the process's log", f"{read:,} bytes, {len(needles)} values"
    )


def _refused(system: System, statement: sa.Executable) -> bool:
    """Return whether the database refuses a statement, of which nothing stays."""
    with system.database.write() as tx:
        given_up = tx.begin_nested()
        try:
            tx.execute(statement)
        except DBAPIError:
            return True
        else:
            return False
        finally:
            given_up.rollback()


def _tail(path: Path) -> bytes:
    """Return the end of a file, as much as a look may read."""
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(max(size - _READ_BYTES, 0))
        return b"".join(islice(_chunks(file), 64))


def _chunks(file: object) -> Iterator[bytes]:
    while chunk := file.read(1024 * 1024):  # type: ignore[attr-defined]
        yield chunk


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


CHECKS: Final = (
    Check(
        "log.heartbeat",
        duties("2.6-a"),
        MINUTES,
        "the last heartbeat in the log",
        "one within the hour: `serve` writes one a minute",
        heartbeat,
    ),
    Check(
        "log.form",
        duties("2.6-b"),
        HOURLY,
        "the last day's entries, member by member",
        "each has its instant, who, what and how it ended, as the log's columns say",
        form,
    ),
    Check(
        "log.guarded",
        duties("2.6-d"),
        HOURLY,
        "the database, by trying to change and to remove an entry",
        "the database refuses both",
        guarded,
    ),
    Check(
        "log.head",
        duties("2.6-e"),
        HOURLY,
        "the log's signed head, against the signer's memory in the keystore",
        "it goes on from what the signer remembers",
        head,
    ),
    Check(
        "log.whole",
        duties("2.6-e"),
        SIX_HOURS,
        "every entry, tile and checkpoint, hashed again",
        "all are what was recorded",
        whole,
    ),
    Check(
        "log.anchored",
        duties("2.6-e"),
        HOURLY,
        "who binds the log outside of this machine",
        "each took it within a day",
        anchored,
    ),
    Check(
        "log.clean",
        duties("2.6-f"),
        DAILY,
        "the files of the process's own log, for canaries' values",
        "none is there",
        clean,
    ),
    Check(
        "log.kept",
        duties("2.6-g", "2.2-e"),
        DAILY,
        "the number of entries, the first one and its age",
        "no entry is missing, and 90 days at least are there",
        kept,
    ),
    Check(
        "log.agreed",
        duties("2.2-e", "3-b"),
        DAILY,
        "what was given up of the log, against the agreement's end",
        "nothing was given up before the agreement ended and a year had passed",
        agreed,
    ),
    Check(
        "backup.restorable",
        duties("3-b"),
        HOURLY,
        "the restores that were tried out",
        "one worked within a year: `strongroom backup drill`",
        restorable,
    ),
    Check(
        "backup.recent",
        duties("2.2-e"),
        HOURLY,
        "the last backup, against how often one is due",
        "none is late",
        evidence,
    ),
)
