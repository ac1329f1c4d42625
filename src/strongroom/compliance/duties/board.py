"""The state of every duty at an instant, from what rooms see and people state: nobody writes a state down. Pure.

A duty passes only on fresh evidence for each of its parts. What was never looked at is unknown, what was looked at too
long ago is stale, and the worst of several findings counts [1, 2, 3].
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.compliance.duties.catalogue import Duty, Edition, Kind
from strongroom.compliance.duties.said import Excuse, ExcuseKind, Statement
from strongroom.compliance.overseen import DutyId, Finding, Office, Verdict
from strongroom.policy.limits import STATEMENT_DUE_BEFORE

_LONG: Final = timedelta(days=30)
"""Evidence that lives so long or longer is told of before it ends; the others are renewed every day."""

_MOST_NAMED: Final = 12
_BOOKS: Final = DutyId("3-a")
"""Reckoned from the evidence that other duties have, not from their state."""

_TURNS: Final = {"2.2-b": 1, "1-a": 2, "3-a": 3, "1-c": 4, "0-b": 5}
"""Duties that are reckoned from others, each after those it is reckoned from."""


class Status(StrEnum):
    """How a duty stands."""

    FAIL = "fail"
    UNKNOWN = "unknown"
    STALE = "stale"
    DUE_SOON = "due_soon"
    EXCEPTION = "exception"
    NOT_APPLICABLE = "not_applicable"
    PASS = "pass"  # noqa: S105 - a state


BLOCKING: Final = frozenset({Status.FAIL, Status.UNKNOWN, Status.STALE})
"""What would fail an audit."""

KEPT: Final = frozenset({Status.PASS, Status.DUE_SOON, Status.NOT_APPLICABLE})
"""What may be answered with yes. An exception is none of these: the duty applies, and is not kept, knowingly."""

_WORST: Final = tuple(Status)


@dataclass(frozen=True, slots=True)
class Row:
    """One duty as it stands."""

    duty: Duty
    status: Status
    why: str
    proof: tuple[str, ...]
    remedy: str
    """What turns it green; empty for what passes."""
    due_at: datetime | None
    """By when somebody has to act: now, or when the first of what it stands on ends by itself."""
    findings: tuple[Finding, ...] = ()
    statement: Statement | None = None
    """The last one, whether it counts or not."""
    excuse: Excuse | None = None
    """The one that counts."""
    reckoned: bool = False
    """Its state is that of other duties and of nothing besides."""

    @property
    def office(self) -> Office:
        """Who answers for it."""
        return self.duty.office

    @property
    def blocks(self) -> bool:
        """Whether an audit would fail by it itself."""
        return self.status in BLOCKING and not self.reckoned


@dataclass(frozen=True, slots=True)
class Board:
    """All duties at one instant."""

    at: datetime
    edition: Edition
    rows: tuple[Row, ...]

    @property
    def blocking(self) -> tuple[Row, ...]:
        """Return what would fail an audit today; duties that only repeat others are left out."""
        return tuple(row for row in self.rows if row.blocks)

    @property
    def passes(self) -> bool:
        """Whether an audit today would pass."""
        return not self.blocking

    @property
    def counts(self) -> dict[Status, int]:
        """Return how many duties stand how; every state is named."""
        return {status: sum(row.status is status for row in self.rows) for status in Status}

    def row(self, duty: DutyId) -> Row:
        """Return one duty's row. Raises: KeyError."""
        return {row.duty.id: row for row in self.rows}[duty]


@dataclass(frozen=True, slots=True)
class _Part:
    """What one source of evidence says."""

    status: Status
    why: str
    proof: tuple[str, ...] = ()
    remedy: str = ""
    until: datetime | None = None


def judge(
    duties: Iterable[Duty],
    edition: Edition,
    findings: Mapping[DutyId, Sequence[Finding]],
    statements: Mapping[DutyId, Statement],
    excuses: Mapping[DutyId, Excuse],
    now: datetime,
) -> Board:
    """Return how every duty stands. `statements` are the last of each duty, `excuses` those that may count."""
    rows: dict[DutyId, Row] = {}
    everything = list(duties)
    for duty in sorted(everything, key=lambda duty: _TURNS.get(duty.id, 0)):
        parts = list(_checked(duty, edition, findings.get(duty.id, ()), now))
        others = [] if not duty.rolls_up else _others(duty, rows)
        if duty.rolls_up:
            parts.insert(0, _rolled_up(duty, others))
        elif duty.is_checked and not parts:
            parts.append(_Part(Status.UNKNOWN, "Nothing has looked at it yet."))
        statement = statements.get(duty.id)
        if Kind.ATTEST in duty.parts:
            parts.append(_stated(duty, statement, now))
        row = _row(duty, parts, now)
        own = [part for part in parts[1:] if part.status in BLOCKING]
        rows[duty.id] = _excused(
            replace(
                row,
                findings=tuple(findings.get(duty.id, ())),
                statement=statement,
                reckoned=bool(duty.rolls_up) and not own,
            ),
            excuses.get(duty.id),
            now,
        )
    return Board(now, edition, tuple(rows[duty.id] for duty in everything))


# -- the parts of a duty -----------------------------------------------------------------------------


def _checked(
    duty: Duty, edition: Edition, findings: Sequence[Finding], now: datetime
) -> Iterable[_Part]:
    """Yield what each finding says now."""
    for finding in findings:
        seen_at = now if finding.seen_at is None else finding.seen_at
        until = duty.fresh_until(seen_at, edition)
        proof = (*finding.proof, f"seen on {_day(seen_at)}")
        why = _sentence(finding.why)
        if seen_at > now:
            yield _Part(
                Status.UNKNOWN, "It was seen at an instant yet to come: look at the clock.", proof
            )
        elif now >= until:
            yield _Part(
                Status.STALE,
                f"It was last looked at on {_day(seen_at)}, which is too long ago.",
                proof,
                "Have it looked at again.",
            )
        elif finding.verdict is Verdict.PASS:
            soon = until - seen_at >= _LONG and now >= until - STATEMENT_DUE_BEFORE
            if soon:
                told = f"{why} This counts until {_day(until)}."
                yield _Part(Status.DUE_SOON, told, proof, duty.remedy, until)
            else:
                # What is looked at anew each day has no day on which somebody has to do something.
                yield _Part(
                    Status.PASS, why, proof, until=until if until - seen_at >= _LONG else None
                )
        else:
            status = Status.FAIL if finding.verdict is Verdict.FAIL else Status.UNKNOWN
            yield _Part(status, why, proof, _sentence(finding.remedy))


def _stated(duty: Duty, statement: Statement | None, now: datetime) -> _Part:
    """Return what the last statement is worth now."""
    again = "State it again."
    if statement is None:
        return _Part(Status.FAIL, "Nobody has stated it yet.", remedy=duty.remedy)
    made = f"{statement.name} on {_day(statement.made_at)}"
    if not statement.sound or statement.made_at > now:
        return _Part(Status.FAIL, "The last statement is not what the log recorded.", remedy=again)
    if statement.withdraws:
        return _Part(Status.FAIL, f"The statement was withdrawn by {made}.", remedy=duty.remedy)
    proof = (
        f"statement {statement.id} by {made}, SHA-256 {statement.digest[:16]}…",
        *(f"{item.name}, SHA-256 {item.digest[:16]}…" for item in statement.evidence),
    )
    if now >= statement.expires_at:
        why = f"What {made} stated ended on {_day(statement.expires_at)}."
        return _Part(Status.STALE, why, proof, again)
    if not statement.active:
        return _Part(
            Status.STALE,
            f"{statement.name}, who stated it, has left or is locked.",
            proof,
            "Have somebody who is here state it.",
        )
    why = f"Stated by {made}; this counts until {_day(statement.expires_at)}."
    soon = now >= statement.expires_at - STATEMENT_DUE_BEFORE
    return _Part(
        Status.DUE_SOON if soon else Status.PASS,
        why,
        proof,
        again if soon else "",
        statement.expires_at,
    )


def _others(duty: Duty, rows: Mapping[DutyId, Row]) -> list[Row]:
    """Return the rows that a duty is reckoned from."""
    return [
        row
        for id_, row in rows.items()
        if "*" in duty.rolls_up or any(id_.startswith(begin) for begin in duty.rolls_up)
    ]


def _rolled_up(duty: Duty, others: Sequence[Row]) -> _Part:
    """Return the state of what a duty is reckoned from."""
    if duty.id == _BOOKS:
        return _covered(others)
    bad = [row for row in others if row.status in BLOCKING]
    if not others:
        return _Part(Status.UNKNOWN, "There is nothing to reckon it from.")
    if not bad:
        return _Part(Status.PASS, f"All {len(others)} duties it is reckoned from are kept.")
    worst = min((row.status for row in bad), key=_WORST.index)
    why = f"{len(bad)} of {len(others)} duties it is reckoned from are not kept: {_named(bad)}."
    return _Part(worst, why, remedy="Turn those duties green, or have an exception approved.")


def _covered(others: Sequence[Row]) -> _Part:
    """Return whether every duty has evidence of today, whatever it says."""
    bare = [
        row
        for row in others
        if row.excuse is None
        and not row.reckoned
        and (row.status in (Status.UNKNOWN, Status.STALE) or not row.proof)
    ]
    if not bare:
        return _Part(Status.PASS, f"All {len(others)} duties have evidence.")
    why = f"{len(bare)} of {len(others)} duties have no evidence of today: {_named(bare)}."
    return _Part(Status.FAIL, why, remedy="Renew the evidence of those duties.")


def _named(rows: Sequence[Row]) -> str:
    named = ", ".join(row.duty.id for row in rows[:_MOST_NAMED])
    return named + (f" and {len(rows) - _MOST_NAMED} more" if len(rows) > _MOST_NAMED else "")


# -- a duty of its parts ----------------------------------------------------------------------------


def _row(duty: Duty, parts: Sequence[_Part], now: datetime) -> Row:
    """Return the row: the worst part's state, and all that has to be mended."""
    status = min((part.status for part in parts), key=_WORST.index)
    bad = [part for part in parts if part.status in BLOCKING]
    open_ = [part for part in parts if part.status is not Status.PASS]
    told = sorted(bad or open_ or parts, key=lambda part: _WORST.index(part.status))
    remedies = [part.remedy for part in sorted(open_, key=lambda p: _WORST.index(p.status))]
    remedy = " ".join(dict.fromkeys(text for text in remedies if text))
    ends = [part.until for part in parts if part.until is not None]
    return Row(
        duty,
        status,
        " ".join(dict.fromkeys(part.why for part in told)),
        tuple(dict.fromkeys(text for part in parts for text in part.proof)),
        (remedy or duty.remedy) if open_ else "",
        now if bad else min(ends, default=None),
    )


def _excused(row: Row, excuse: Excuse | None, now: datetime) -> Row:
    """Return the row as an excuse leaves it: it covers what is not kept, and hides nothing that is."""
    if excuse is None or not excuse.counts(now):
        return row
    by = f"{excuse.asker}, approved by {excuse.approver}"
    if excuse.one_person:
        by = f"{excuse.asker}, in a home of one person"
    until = f"until {_day(excuse.ends_at)}"
    if excuse.kind is ExcuseKind.NOT_APPLICABLE:
        why = f"It does not apply {until}: asked for by {by}."
        status = Status.NOT_APPLICABLE
    elif row.status in BLOCKING:
        why = f"Excepted {until}: asked for by {by}. {row.why}"
        status = Status.EXCEPTION
    else:
        return replace(row, excuse=excuse)
    proof = (f"exception {excuse.id}, approved on {_day(excuse.approved_at)}", *row.proof)
    return replace(
        row,
        status=status,
        why=why,
        proof=proof,
        due_at=excuse.ends_at,
        excuse=excuse,
    )


def _day(at: datetime | None) -> str:
    return "" if at is None else f"{at:%Y-%m-%d}"


def _sentence(text: str) -> str:
    """Return what a room says as a sentence: rooms write some with a capital and a full stop, and some without."""
    if not text:
        return ""
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith((".", "?", "!")) else ".")
