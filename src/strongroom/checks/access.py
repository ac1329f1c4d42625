"""Looks at who has access and why: people, names, grants, reviews, leavers and locks [1.2, 1.3]."""

from datetime import datetime, timedelta
from typing import Final

from strongroom.accounts.names import canonical
from strongroom.alarms import AlarmKind
from strongroom.app import System
from strongroom.checks.alarms import drilled
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
)
from strongroom.checks.retention import used
from strongroom.compliance.overseen import Finding
from strongroom.errors import StrongroomError
from strongroom.policy.grants import BREAK_GLASS, FIRST_ADMINISTRATOR, READING
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import DORMANT_AFTER, GRANT_LIFETIME
from strongroom.policy.lockout import LockReason
from strongroom.terms import SYSTEM, Action, PrincipalKind
from strongroom.vault import GrantRow

MOST_ADMINISTRATORS: Final = 5
"""Our own: more people who may do everything are no need-to-know [1.3]."""

_DISPOSED_WITHIN: Final = timedelta(days=3)
_PROGRAMS: Final = (PrincipalKind.APP, PrincipalKind.NODE)


def people(system: System, now: datetime) -> Finding:
    """See that each account is one person's, and each program has a living person who answers for it."""
    accounts = system.accounts
    living = {
        p.name for p in accounts.listed(PrincipalKind.PERSON) if not has_ended(p.ended_at, now)
    }
    programs = [
        p for kind in _PROGRAMS for p in accounts.listed(kind) if not has_ended(p.ended_at, now)
    ]
    orphans = [p.id for p in programs if p.owner not in living]
    if orphans:
        why = f"{count(len(orphans), 'program')} nobody here answers for"
        remedy = "`strongroom app end NAME`, or add it anew with an owner"
        return failed(why, remedy, f"principals {some(orphans)}")
    return passed(
        "each account is one person's or one program's",
        f"{count(len(living), 'person', 'people')}, {count(len(programs), 'program')} with an owner",
    )


def names(system: System, now: datetime) -> Finding:
    """See that no living account has a name that several could share, and that none was used by two at once."""
    living = [
        p
        for kind in PrincipalKind
        if kind is not PrincipalKind.SERVICE
        for p in system.accounts.listed(kind)
        if not has_ended(p.ended_at, now)
    ]
    shared = [p.id for p in living if not _is_own(p.name)]
    if shared:
        why = f"{count(len(shared), 'account')} with a generic name"
        return failed(why, "end it, and give each person their own", f"principals {some(shared)}")
    doubled = [
        lock.id
        for lock in system.guard.locks(now)
        if lock.reason is LockReason.IMPOSSIBLE_CONCURRENCY and lock.disposition is None
    ]
    if doubled:
        why = f"{count(len(doubled), 'account')} used from places nobody can be in at once"
        remedy = "ask its person; then `strongroom user dispose`"
        return failed(why, remedy, f"locks {some(doubled)}")
    return passed(f"{count(len(living), 'account')}, none generic, none used by two at once")


def drift(system: System, now: datetime) -> Finding:
    """Hold every grant against what the log recorded of it, and against the last review's list."""
    found = system.access.drift(SYSTEM, now)
    if found.tampered:
        why = f"{count(len(found.tampered), 'grant')} that no approval stands behind"
        remedy = "`strongroom grant revoke`, and find out who writes to the database"
        return failed(why, remedy, f"grants {some(found.tampered)}")
    if found.outdated_roles:
        why = f"{count(len(found.outdated_roles), 'grant')} of a role that says something else now"
        return failed(why, "`strongroom review start`", f"grants {some(found.outdated_roles)}")
    since = "no review yet" if found.taken_at is None else f"review of {day(found.taken_at)}"
    changed = f"{len(found.added)} added, {len(found.removed)} gone, {len(found.changed)} changed"
    return passed("every grant is as it was approved", f"{since}: {changed} since")


def reviewed(system: System, now: datetime) -> Finding:
    """See that no grant is past its 90 days without a review, and no broken glass past its three."""
    due = {
        row.grant.id: row.grant.review_by
        for row in system.grants.all()
        if row.state(now) in {"active", "suspended"} and row.grant.review_by is not None
    }
    late = [id_ for id_, at in due.items() if at <= now]
    broken = [item.id for item in system.reviews.broken_glass() if item.due_at <= now]
    if late or broken:
        why = f"{count(len(late) + len(broken), 'grant')} past the day of review"
        return failed(why, "`strongroom review start`, then decide each", f"{some(late + broken)}")
    if not due:
        return passed("no grant waits for a review", "0 grants in effect")
    at = min(due.values())
    return passed(f"{count(len(due), 'grant')}, the next due on {day(at)}", "reviewed or new")


def leavers(system: System, now: datetime) -> Finding:
    """See that whoever has left holds nothing that lets anybody in, and answers for no program that still does."""
    alive: list[str] = []
    gone = [
        p
        for kind in (PrincipalKind.PERSON, *_PROGRAMS)
        for p in system.accounts.listed(kind)
        if has_ended(p.ended_at, now)
    ]
    ended = {p.name for p in gone}
    programs = [
        p
        for kind in _PROGRAMS
        for p in system.accounts.listed(kind)
        if not has_ended(p.ended_at, now) and p.owner in ended
    ]
    grants = [
        row.grant.id
        for row in system.grants.all()
        if row.state(now) == "active" and row.grant.principal in {p.id for p in gone}
    ]
    for principal in gone:
        holdings = system.accounts.holdings(principal.name)
        alive += [f"{kind} {id_}" for kind, id_, over in holdings.signing_on if not over]
    if programs or grants:
        why = f"{count(len(programs), 'program')} and {count(len(grants), 'grant')} of who has left"
        remedy = "`strongroom app end NAME`, or `strongroom grant revoke`"
        return failed(why, remedy, f"programs {some(p.id for p in programs)}")
    return passed(
        f"{count(len(gone), 'account')} ended, and nothing of them lets anybody in",
        f"{count(len(alive), 'sign-on')} kept of them, refused with the account",
    )


def disposed(system: System, now: datetime) -> Finding:
    """See that somebody said within three days what each lock was."""
    locks = system.guard.locks(now)
    late = [
        lock.id
        for lock in locks
        if lock.disposition is None and now - lock.locked_at > _DISPOSED_WITHIN
    ]
    if late:
        why = f"{count(len(late), 'lock')} nobody explained within three days"
        remedy = "`strongroom user locks`, then `user dispose`"
        return failed(why, remedy, f"locks {some(late)}")
    return passed(f"{count(len(locks), 'lock')} to be explained, none older than three days")


def superusers(system: System, now: datetime) -> Finding:
    """Count who may do everything: administrators, and who reads everything; nobody is both."""
    active = [row.grant for row in system.grants.all() if row.state(now) == "active"]
    administers = {g.principal for g in active if g.action is Action.ADMINISTER}
    reads = {g.principal for g in active if g.action in READING and g.kind != BREAK_GLASS}
    both = administers & reads
    if both and not system.grants.one_person:
        why = f"{count(len(both), 'person', 'people')} both administer and read personal data"
        return failed(why, "`strongroom grant revoke` the one or the other", f"{some(both)}")
    if len(administers) > MOST_ADMINISTRATORS:
        why = f"{len(administers)} administrators, {MOST_ADMINISTRATORS} at most"
        return failed(why, "`strongroom grant revoke`", f"principals {some(administers)}")
    return passed(
        f"{count(len(administers), 'administrator')}, {len(reads)} who read, by category and purpose",
        f"{count(len(active), 'grant')} in effect",
    )


def approved(system: System, now: datetime) -> Finding:
    """See that each grant has an end within 90 days, a purpose, and another person's approval."""
    rows = [row for row in system.grants.all() if row.state(now) == "active"]
    wrong = [row.grant.id for row in rows if not _is_need_to_know(row)]
    if wrong:
        why = f"{count(len(wrong), 'grant')} without a second person, or longer than 90 days"
        return failed(why, "`strongroom grant revoke`", f"grants {some(wrong)}")
    alone = sum(row.one_person for row in rows)
    told = f"{alone} under the declaration that there is one person" if alone else "by two people"
    return passed(f"{count(len(rows), 'grant')} in effect, each approved", told)


def unused(system: System, now: datetime) -> Finding:
    """List the grants to read that were not used for 60 days: they are excessive."""
    since = now - 2 * DORMANT_AFTER
    rows = [
        row.grant
        for row in system.grants.all()
        if row.state(now) == "active" and row.grant.action in READING
    ]
    touched = used(system, since)
    idle = [g.id for g in rows if g.id not in touched and (g.approved_at or now) < since]
    if idle:
        why = f"{count(len(idle), 'grant')} to read, not used for 60 days"
        return failed(why, "`strongroom grant revoke`", f"grants {some(idle)}")
    return passed(f"{count(len(rows), 'grant')} to read, each used or newer than 60 days")


def _is_own(name: str) -> bool:
    try:
        return canonical(name) == name
    except StrongroomError:
        return False


def _is_need_to_know(row: GrantRow) -> bool:
    grant = row.grant
    if grant.approved_at is None:
        return False
    begun = max(grant.approved_at, grant.reviewed_at or grant.approved_at)
    if grant.expires_at - begun > GRANT_LIFETIME:
        return False
    if row.one_person or grant.kind in (BREAK_GLASS, FIRST_ADMINISTRATOR):
        return True
    return row.approved_by is not None and row.approved_by != row.requested_by


CHECKS: Final = (
    Check(
        "accounts.owned",
        duties("1.2-a"),
        HOURLY,
        "every living account, and who answers for each program",
        "each program has a living person as its owner",
        people,
    ),
    Check(
        "accounts.named",
        duties("1.2-b"),
        HOURLY,
        "the names of living accounts, and locks of accounts used by two at once",
        "no name is generic, and each such lock is explained",
        names,
    ),
    Check(
        "grants.drift",
        duties("1.2-c"),
        DAILY,
        "every grant, against the log's word for it and the last review's list",
        "each is as it was approved, and of a role as it is now",
        drift,
    ),
    Check(
        "access.reviewed",
        duties("1.2-d"),
        HOURLY,
        "by when each grant has to be reviewed",
        "none is past its 90 days, no broken glass past its three",
        reviewed,
    ),
    Check(
        "leavers.gone",
        duties("1.2-e"),
        HOURLY,
        "what ended accounts hold, and the programs they answered for",
        "nothing of them lets anybody in",
        leavers,
    ),
    Check(
        "lockout.drill",
        duties("1.2-g"),
        HOURLY,
        "the last drill of the alarm about sign-ons",
        "it was tried within a quarter, raised, and told: `strongroom alarm drill`",
        drilled(AlarmKind.SIGN_ON_ANOMALY),
    ),
    Check(
        "locks.explained",
        duties("1.2-h"),
        MINUTES,
        "locks without a disposition, and their age",
        "each was explained within three days",
        disposed,
    ),
    Check(
        "grants.superusers",
        duties("1.3-a"),
        HOURLY,
        "who administers and who reads",
        "five administrators at most, and nobody of them reads personal data",
        superusers,
    ),
    Check(
        "grants.approved",
        duties("1.3-b"),
        HOURLY,
        "requester, approver and end of each grant",
        "another person approved each, for 90 days at most",
        approved,
    ),
    Check(
        "grants.unused",
        duties("1.3-b"),
        DAILY,
        "grants to read, against the reads of 60 days in the log",
        "each was used, or is newer",
        unused,
    ),
)
