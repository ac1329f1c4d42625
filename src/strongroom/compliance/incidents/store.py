"""Rows of incidents: each is what its sealed part says, so that nobody who writes to the database changes one [1.6].

The columns beside it are for queries. A row whose columns say something else than what was sealed is `Tampered`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound, Tampered
from strongroom.terms import PrincipalId

cases: Final = schema.incident
entries: Final = schema.incident_entry
practices: Final = schema.incident_practice
_MOST: Final = 500


@dataclass(frozen=True, slots=True)
class Case:
    """One incident. `texts` are what people wrote: title, description, root cause, remediation."""

    id: int
    kind: str
    alarm_id: int | None
    detected_at: datetime | None
    suspected_at: datetime | None
    clock_at: datetime
    opened_by: PrincipalId
    opened_at: datetime
    lead_id: PrincipalId
    told: int = 0
    contained_at: datetime | None = None
    notified_at: datetime | None = None
    written_by: PrincipalId | None = None
    written_at: datetime | None = None
    approved_by: PrincipalId | None = None
    approved_at: datetime | None = None
    doubted_by: PrincipalId | None = None
    doubted_at: datetime | None = None
    cleared_by: PrincipalId | None = None
    cleared_at: datetime | None = None
    closed_by: PrincipalId | None = None
    closed_at: datetime | None = None
    texts: Mapping[str, str] = field(default_factory=dict, repr=False)

    def text(self, name: str) -> str:
        """Return what was written under a name, empty where nothing was."""
        return self.texts.get(name, "")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a case: a note, a ticked step, a scope, a measure, a control or a message."""

    id: int
    incident_id: int
    what: str
    name: str
    at: datetime
    by_id: PrincipalId
    state: str
    owner_id: PrincipalId | None = None
    due_at: datetime | None = None
    second_id: PrincipalId | None = None
    second_at: datetime | None = None
    evidence_id: int | None = None
    said: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Practised:
    """One thing that keeps the plan alive: an exercise, a review, a test, a major change."""

    id: int
    kind: str
    at: datetime
    by_id: PrincipalId
    digest: str | None
    said: Mapping[str, str] = field(repr=False)


class Store:
    """Reads and writes the rows, within the caller's transaction."""

    def __init__(self, writings: Writings) -> None:
        self._writings = writings

    def add_case(self, tx: Transaction, case: Case) -> Case:
        """Keep a new case; its number is made here."""
        values = _columns(case, "texts")
        values.pop("id")
        id_ = tx.execute(
            cases.insert().values(**values, texts=b"").returning(cases.c.id)
        ).scalar_one()
        made = replace(case, id=int(id_))
        self.save_case(tx, made)
        return made

    def save_case(self, tx: Transaction, case: Case) -> None:
        """Keep what a case says now."""
        sealed = self._writings.seal_bytes("incident.texts", case.id, _packed(case))
        values = _columns(case, "texts") | {"texts": sealed}
        tx.execute(cases.update().where(cases.c.id == case.id).values(**values))

    def case(self, tx: Transaction, number: int, *, to_change: bool = False) -> Case:
        """Return a case, held where it is `to_change`. Raises: NotFound, Tampered."""
        query = sa.select(cases).where(cases.c.id == number)
        row = tx.execute(query.with_for_update() if to_change else query).first()
        if row is None:
            raise NotFound(f"there is no incident {number}")
        return self._case(row)

    def listed(self, tx: Transaction, *, every: bool = True) -> list[Case]:
        """Return the last cases, or all that are open, the newest first."""
        query = sa.select(cases).order_by(cases.c.id.desc()).limit(_MOST)
        if not every:
            query = query.where(cases.c.closed_at.is_(None))
        return [self._case(row) for row in tx.execute(query)]

    def of_alarm(self, tx: Transaction, alarm: int) -> int | None:
        """Return the case that was opened from an alarm."""
        query = sa.select(cases.c.id).where(cases.c.alarm_id == alarm)
        return tx.execute(query.limit(1)).scalar()

    def add_entry(self, tx: Transaction, entry: Entry) -> Entry:
        """Keep a new line of a case."""
        values = _columns(entry, "said")
        values.pop("id")
        id_ = tx.execute(
            entries.insert().values(**values, said=b"").returning(entries.c.id)
        ).scalar_one()
        made = replace(entry, id=int(id_))
        self.save_entry(tx, made)
        return made

    def save_entry(self, tx: Transaction, entry: Entry) -> None:
        """Keep what a line says now."""
        sealed = self._writings.seal_bytes("incident_entry.said", entry.id, _packed(entry))
        values = _columns(entry, "said") | {"said": sealed}
        tx.execute(entries.update().where(entries.c.id == entry.id).values(**values))

    def entries(self, tx: Transaction, incident: int) -> list[Entry]:
        """Return the lines of a case, the oldest first."""
        query = sa.select(entries).where(entries.c.incident_id == incident)
        return [self._entry(row) for row in tx.execute(query.order_by(entries.c.id))]

    def entry(self, tx: Transaction, incident: int, number: int, what: str) -> Entry:
        """Return one line of a case. Raises: NotFound where it is another case's, or of another sort."""
        query = sa.select(entries).where(
            entries.c.id == number, entries.c.incident_id == incident, entries.c.what == what
        )
        row = tx.execute(query.with_for_update()).first()
        if row is None:
            raise NotFound(f"incident {incident} has no {what} {number}")
        return self._entry(row)

    def add_practice(self, tx: Transaction, made: Practised) -> int:
        """Keep that something was practised."""
        values = _columns(made, "said")
        values.pop("id")
        id_ = int(
            tx.execute(
                practices.insert().values(**values, said=b"").returning(practices.c.id)
            ).scalar_one()
        )
        made = replace(made, id=id_)
        sealed = self._writings.seal_bytes("incident_practice.said", id_, _packed(made))
        tx.execute(practices.update().where(practices.c.id == id_).values(said=sealed))
        return id_

    def practised(self, tx: Transaction, kind: str | None = None) -> list[Practised]:
        """Return what was practised last, the newest first."""
        query = sa.select(practices).order_by(practices.c.at.desc(), practices.c.id.desc())
        if kind is not None:
            query = query.where(practices.c.kind == kind)
        found = []
        for row in tx.execute(query.limit(_MOST)):
            body = self._opened("incident_practice.said", row, row.said)
            found.append(
                Practised(
                    row.id, row.kind, row.at, PrincipalId(row.by_id), row.digest, body["said"]
                )
            )
        return found

    def _case(self, row: Any) -> Case:  # noqa: ANN401 - a row of the table
        body = self._opened("incident.texts", row, row.texts)
        known = {f.name: getattr(row, f.name) for f in fields(Case) if f.name != "texts"}
        return Case(**known, texts=body["texts"])

    def _entry(self, row: Any) -> Entry:  # noqa: ANN401 - a row of the table
        body = self._opened("incident_entry.said", row, row.said)
        known = {f.name: getattr(row, f.name) for f in fields(Entry) if f.name != "said"}
        return Entry(**known, said=body["said"])

    def _opened(self, place: str, row: Any, sealed: bytes) -> dict[str, Any]:  # noqa: ANN401 - as above
        body: dict[str, Any] = orjson.loads(self._writings.open_bytes(place, row.id, sealed))
        for name, value in body.items():
            if name in ("texts", "said"):
                continue
            if _plain(getattr(row, name)) != value:
                raise Tampered(f"{place.partition('.')[0]} {row.id} is not what was kept")
        return body


def _columns(thing: Any, but: str) -> dict[str, Any]:  # noqa: ANN401 - one of the three above
    return {f.name: getattr(thing, f.name) for f in fields(thing) if f.name != but}


def _packed(thing: Any) -> bytes:  # noqa: ANN401 - as above
    body = {f.name: _plain(getattr(thing, f.name)) for f in fields(thing)}
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _plain(value: Any) -> Any:  # noqa: ANN401 - what JSON takes
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    return dict(value) if isinstance(value, Mapping) else value
