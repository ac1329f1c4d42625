"""Looks at clocks that others set going: Amazon's notices, and what people ask about the data about them [1.7, 2.2]."""

from datetime import datetime, timedelta
from typing import Final

from strongroom.app import System
from strongroom.checks.check import MINUTES, Check, count, duties, failed, passed, some
from strongroom.compliance.overseen import Finding
from strongroom.deletion.notice import Notice

_CERTIFIED_WITHIN: Final = timedelta(days=5)
_SHOW: Final = "`strongroom notice show`"


def erased(system: System, now: datetime) -> Finding:
    """See that what each notice asks for is gone within 72 hours."""
    return _judged(
        system,
        [one for one in _notices(system) if one.erased_at is None and now > one.clocks.erase_by],
        "what a notice asks for is not gone after 72 hours",
        "every notice was carried out within 72 hours, or has time left",
    )


def gone(system: System, now: datetime) -> Finding:
    """See that each notice is closed, with every store of it, within 90 days."""
    late = [one for one in _notices(system) if not _is_closed(one) and now > one.clocks.live_by]
    return _judged(
        system,
        late,
        "a notice is not closed after 90 days",
        "no instance of a notice's data is live after 90 days",
    )


def certified(system: System, now: datetime) -> Finding:
    """See that each notice that was carried out has its certificate within five days."""
    late = [
        one
        for one in _notices(system)
        if one.erased_at is not None
        and ("certified", "") not in one.facts
        and now - one.erased_at > _CERTIFIED_WITHIN
    ]
    return _judged(
        system,
        late,
        "a notice was carried out and not certified",
        "each notice that was carried out is certified, or within its five days",
    )


def answered(system: System, now: datetime) -> Finding:
    """See that each subject request is closed before its law's day."""
    found = system.subjects.requests.all()
    late = [one.id for one in found if one.closed_at is None and one.due_at <= now]
    if late:
        why = f"{count(len(late), 'subject request')} past the law's day"
        return failed(why, "`strongroom request show`", f"requests {some(late)}")
    waiting = sum(one.closed_at is None for one in found)
    return passed(f"{count(waiting, 'subject request')} open, none past its law's day")


def _notices(system: System) -> list[Notice]:
    return system.notices.all()


def _is_closed(notice: Notice) -> bool:
    return ("closed", "") in notice.facts


def _judged(system: System, late: list[Notice], bad: str, good: str) -> Finding:
    if late:
        return failed(bad, _SHOW, f"notices {some(one.id for one in late)}")
    return passed(good, count(len(_notices(system)), "notice"))


CHECKS: Final = (
    Check(
        "notices.erased",
        duties("1.7-a"),
        MINUTES,
        "every notice of Amazon's, and when what it asks for was gone",
        "each was carried out within 72 hours",
        erased,
    ),
    Check(
        "notices.gone",
        duties("1.7-d"),
        MINUTES,
        "every notice that is not closed, against its 90 days",
        "each is closed in time: every store and party of it",
        gone,
    ),
    Check(
        "notices.certified",
        duties("1.7-e"),
        MINUTES,
        "every notice that was carried out, and its certificate",
        "each has one within five days",
        certified,
    ),
    Check(
        "requests.answered",
        duties("2.2-g"),
        MINUTES,
        "every subject request, against its law's day",
        "each is closed before it",
        answered,
    ),
)
