"""Keeps what checks found of duties, until they look again [2.2, 3].

What takes longer than a page may wait is looked at on a schedule by `checks/` and kept here with its instant. A row is
bound by a keyed MAC to everything it says, so that nobody who writes to the database makes a duty green; each names the
checks of its duty, so that a removed one shows; and it is good for a time only, so that an old one put back goes stale
and what nobody looks at any more is unknown. ADR 0230.
"""

import hmac
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

import orjson
import sqlalchemy as sa

from strongroom.audit.entry import micros
from strongroom.compliance.overseen import Due, DutyId, Finding, Verdict
from strongroom.crypto.derive import aad, derive
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Unavailable
from strongroom.terms import Caller, Environment

LONGEST_TEXT: Final = 500
"""Characters of what one check says in a sentence."""

MOST_PROOFS: Final = 20
"""Lines of proof that one check gives."""

AGAIN: Final = "keep `strongroom serve` running, or `strongroom duty check`"

_WORST: Final = (Verdict.FAIL, Verdict.UNKNOWN, Verdict.PASS)
_table: Final = schema.duty_finding

Again = Callable[[DutyId, Caller, datetime], None]
"""Looks at one duty now, and keeps what it finds."""


@dataclass(frozen=True, slots=True)
class Looked:
    """One check of one duty, and what it found last; `beside` are all checks of the duty, by id."""

    duty: DutyId
    check: str
    finding: Finding
    good_until: datetime
    beside: tuple[str, ...]


class Findings:
    """The findings of one home's checks. Safe between threads; what was kept is durable on return."""

    def __init__(self, database: Database, key: bytes, environment: Environment) -> None:
        self._database = database
        self._key = derive(key, "strongroom/finding/v1", environment)
        self._again: Again | None = None

    def __repr__(self) -> str:
        return "<findings>"

    def looks_with(self, again: Again) -> None:
        """Have `again` look at a duty for `look`: checks are a layer above this room."""
        self._again = again

    def look(self, duty: DutyId, caller: Caller, now: datetime) -> None:
        """Have a duty looked at now, by all its checks.

        Raises:
            NotFound: no check looks at it.
            Unavailable: nobody who could look is here.

        """
        if self._again is None:
            raise Unavailable("nothing here can look", hint=AGAIN)
        self._again(duty, caller, now)

    def keep(self, found: Iterable[Looked]) -> None:
        """Keep what checks found, in place of what they found before; checks that a duty has no more go."""
        with self._database.write() as tx:
            for one in found:
                gone = (_table.c.check_id == one.check) | _table.c.check_id.not_in(one.beside)
                tx.execute(sa.delete(_table).where(_table.c.duty == one.duty, gone))
                tx.execute(sa.insert(_table), self._row(one))

    def kept(self, now: datetime) -> dict[DutyId, list[Looked]]:
        """Return what each check found, by duty, as it may be believed at `now`.

        An edited row fails, a missing one and one that is too old are unknown.
        """
        with self._database.read() as tx:
            rows = tx.execute(sa.select(_table).order_by(_table.c.duty, _table.c.check_id)).all()
        by_duty: dict[DutyId, list[Looked]] = {}
        for row in rows:
            by_duty.setdefault(DutyId(row.duty), []).append(self._read(row, now))
        return {duty: list(_complete(duty, found, now)) for duty, found in by_duty.items()}

    def seen(self) -> dict[str, datetime]:
        """Return when each check was last done, the earliest instant of its duties; for who has the next one done."""
        column = _table.c
        query = sa.select(column.check_id, sa.func.min(column.seen_at).label("at"))
        with self._database.read() as tx:
            return {row.check_id: row.at for row in tx.execute(query.group_by(column.check_id))}

    def findings(self, now: datetime) -> Mapping[DutyId, Finding]:
        """Return the worst that was found of each duty; of several that pass, all they say and the oldest instant."""
        return {
            duty: worst([one.finding for one in found]) for duty, found in self.kept(now).items()
        }

    def dues(self, now: datetime) -> Iterable[Due]:
        """Return nothing: what somebody has to do about a finding stands in it."""
        del now
        return ()

    # -- private ---------------------------------------------------------------------------------

    def _row(self, one: Looked) -> dict[str, object]:
        finding = one.finding
        if finding.seen_at is None:
            raise ValueError("a finding that is kept says when it was seen")
        values: dict[str, object] = {
            "duty": one.duty,
            "check_id": one.check,
            "verdict": finding.verdict.value,
            "why": finding.why[:LONGEST_TEXT],
            "proof": orjson.dumps(
                [line[:LONGEST_TEXT] for line in finding.proof[:MOST_PROOFS]]
            ).decode(),
            "remedy": finding.remedy[:LONGEST_TEXT],
            "seen_at": finding.seen_at,
            "good_until": one.good_until,
            "beside": " ".join(one.beside),
        }
        return values | {"bound": self._bound(values)}

    def _read(self, row: sa.Row[tuple[object, ...]], now: datetime) -> Looked:
        values = {name: value for name, value in row._mapping.items() if name != "bound"}  # noqa: SLF001 - how SQLAlchemy names a row's columns
        duty, check = DutyId(row.duty), str(row.check_id)
        if not hmac.compare_digest(self._bound(values), bytes(row.bound)):
            # Whatever it says, its instant too, is somebody else's word.
            edited = Finding(
                Verdict.FAIL,
                f"what {check} found was edited in the database",
                (),
                "find out who writes to the database, then `strongroom duty check`",
                now,
            )
            return Looked(duty, check, edited, now, ())
        finding = Finding(
            Verdict(row.verdict), row.why, tuple(orjson.loads(row.proof)), row.remedy, row.seen_at
        )
        if now >= row.good_until or row.seen_at > now:
            at = f"{row.seen_at:%Y-%m-%d %H:%M} UTC"
            old = f"{check} looked last at {at}: {row.why}"
            finding = replace(finding, verdict=Verdict.UNKNOWN, why=old, remedy=AGAIN)
        return Looked(duty, check, finding, row.good_until, tuple(row.beside.split(" ")))

    def _bound(self, values: Mapping[str, object]) -> bytes:
        parts = [
            micros(value) if isinstance(value, datetime) else str(value)
            for _, value in sorted(values.items())
        ]
        return hmac.digest(self._key, aad("strongroom/finding/v1", *parts), "sha256")


def worst(findings: Sequence[Finding]) -> Finding:
    """Return one finding for several of one duty."""
    verdict = next(v for v in _WORST if any(one.verdict is v for one in findings))
    found = [one for one in findings if one.verdict is verdict]
    seen = [one.seen_at for one in found if one.seen_at is not None]
    return Finding(
        verdict,
        "; ".join(dict.fromkeys(one.why for one in found)),
        tuple(line for one in found for line in one.proof),
        "; ".join(dict.fromkeys(one.remedy for one in found if one.remedy)),
        min(seen, default=None),
    )


def _complete(duty: DutyId, found: list[Looked], now: datetime) -> Iterator[Looked]:
    """Give what there is of a duty, and for each check whose row is missing that it is."""
    yield from found
    vouched = [one for one in found if one.beside]
    # Of two versions' lists the later one holds.
    newest = max(vouched, key=lambda one: one.finding.seen_at or now, default=None)
    there = {one.check for one in found}
    for check in () if newest is None else newest.beside:
        if check not in there:
            why = f"{check} has not looked yet, or what it found is gone"
            yield Looked(duty, check, Finding(Verdict.UNKNOWN, why, (), AGAIN, now), now, ())
