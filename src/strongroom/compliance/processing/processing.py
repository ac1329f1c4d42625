"""Keeps the record of processing: made from the catalogue and real traffic, confirmed each quarter [2.2-c, 2-c].

Nobody writes it. The privacy owner confirms it as it is, by its digest; what changed since is shown. A field that came
and that the record does not have turns the duty red at once.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, Outcome, Reason
from strongroom.compliance.overseen import Due, DutyId, Finding, Office, Verdict
from strongroom.compliance.people import refuse_programs
from strongroom.compliance.processing import flows, register
from strongroom.compliance.processing.flows import Drawing, Party
from strongroom.compliance.processing.register import Changed, Processed, Traffic
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Denied
from strongroom.feeds import parties
from strongroom.feeds.targets import Role, Target, Targets
from strongroom.policy.limits import PROCESSING_CONFIRMED_EVERY
from strongroom.terms import Caller, Category, PrincipalId, PrincipalKind
from strongroom.vault.fields import Seen, Way, seen_fields
from strongroom.vault.grants_listed import Reader, readers

ROPA: Final = DutyId("2.2-c")
WHOLE: Final = DutyId("2-c")
PATH: Final = "/processing"
_NAMED: Final = 5

_table: Final = schema.processing_confirmation


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One time that somebody confirmed the record."""

    at: datetime
    by: PrincipalId
    digest: str
    content: bytes
    sound: bool
    """Whether the log knows exactly this confirmation."""


@dataclass(frozen=True, slots=True)
class Record:
    """The record of processing as it is now."""

    rows: tuple[Processed, ...]
    digest: str
    missing: tuple[str, ...]
    """Fields that were seen and that it does not have."""
    gaps: tuple[str, ...]
    confirmed: Confirmation | None
    changed: tuple[Changed, ...]
    """What is different from what was confirmed."""


class Processing:
    """The record of one home. Safe between threads."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        targets: Targets,
        *,
        owners: Callable[[datetime], Collection[PrincipalId]],
    ) -> None:
        """Keep it; `owners` says who may confirm: the privacy owner and the deputy."""
        self._database = database
        self._audit = audit
        self._targets = targets
        self.owners = owners
        self._lock = threading.Lock()
        self._upto = 0
        self._told: tuple[str, int, datetime] | None = None

    def record(self, now: datetime) -> Record:
        """Return the record as it is."""
        targets = self._targets.listed(Role.PARTY)
        traffic = _traffic(seen_fields(self._database), targets)
        users = [(one.name, one.purpose, one.categories) for one in self._readers(now)]
        rows = register.record_of_processing(users, _approved(targets), traffic)
        confirmed = self.confirmed()
        changed = [] if confirmed is None else register.changes(confirmed.content, rows)
        return Record(
            tuple(rows),
            register.digest(rows),
            tuple(register.missing(rows, traffic)),
            tuple(register.gaps(rows)),
            confirmed,
            tuple(changed),
        )

    def confirmed(self) -> Confirmation | None:
        """Return the last confirmation."""
        with self._database.read() as tx:
            row = tx.execute(sa.select(_table).order_by(_table.c.id.desc()).limit(1)).first()
        if row is None:
            return None
        content, told = row.content.encode(), self._last_told()
        sound = (
            told is not None
            and told[:2] == (row.digest, row.confirmed_by)
            and sha256(content).hexdigest() == row.digest
        )
        at = told[2] if told is not None and sound else row.at
        return Confirmation(at, row.confirmed_by, row.digest, content, sound)

    def confirm(self, digest: str, caller: Caller, now: datetime) -> Confirmation:
        """Confirm the record whose digest was read.

        Raises:
            Denied: it is not the privacy owner or the deputy who asks; recorded.
            Conflict: the record is another one by now, or has a fault.

        """
        refuse_programs(caller)
        if caller.principal not in self.owners(now):
            refused = _event(caller, 0, None, Reason.NOT_AUTHORIZED)
            self._audit.record(refused, now=now)
            raise Denied(
                "the privacy owner or the deputy confirms the record",
                hint="they are appointed on the page of roles",
            )
        found = self.record(now)
        if found.digest != digest:
            raise Conflict("the record has changed since you read it", hint="read it again")
        if found.missing or found.gaps:
            raise Conflict(f"the record has a fault: {(*found.missing, *found.gaps)[0]}")
        values = {
            "at": now,
            "confirmed_by": caller.principal,
            "digest": digest,
            "content": register.content(found.rows).decode(),
        }
        with self._database.write() as tx:
            tx.execute(_table.insert().values(**values))
            self._audit.append(tx, _event(caller, len(found.rows), digest, None), now=now)
        confirmed = self.confirmed()
        assert confirmed is not None  # noqa: S101 - it was written just now
        return confirmed

    def confirm_by(self, now: datetime) -> datetime:
        """Return by when it has to be confirmed."""
        confirmed = self.confirmed()
        return now if confirmed is None else confirmed.at + PROCESSING_CONFIRMED_EVERY

    def drawing(self, now: datetime, sellers: int, stores: Collection[Party] = ()) -> Drawing:
        """Return the data-flow diagram; `sellers` counts selling partners, `stores` keep what is sealed."""
        seen = seen_fields(self._database)
        models: dict[str, set[str]] = defaultdict(set)
        for one in seen:
            if one.way is Way.COLLECTED:
                models[one.place.partition(".")[0]].add(one.field)
        partners = f"{sellers} selling partner{'' if sellers == 1 else 's'}"
        sources = [
            Party("amazon", name, f"{len(fields)} fields, {partners}")
            for name, fields in sorted(models.items(), key=lambda item: (-len(item[1]), item[0]))
        ]
        return flows.drawn(sources, self._users(now, seen), list(stores))

    # -- duties ----------------------------------------------------------------------------------

    def findings(self, now: datetime) -> dict[DutyId, Finding]:
        """Return whether the record has all that was seen, and was confirmed lately."""
        found = self.record(now)
        seen = sum(row.is_seen for row in found.rows)
        proof = (f"record of processing, {len(found.rows)} fields, SHA-256 {found.digest}",)
        return {ROPA: _recorded(found, seen, proof, now), WHOLE: _whole(found, seen, proof)}

    def dues(self, now: datetime) -> Iterator[Due]:
        """Return when the record has to be confirmed again."""
        office, by = Office.PRIVACY_OWNER, self.confirm_by(now)
        yield Due("Confirm the record of processing", PATH, by, office=office, duty=ROPA)

    # -- private ---------------------------------------------------------------------------------

    def _readers(self, now: datetime) -> list[Reader]:
        return self._database.kept(("readers", now), lambda: self._read(now))

    def _read(self, now: datetime) -> list[Reader]:
        with self._database.read() as tx:
            return readers(tx, now)

    def _users(self, now: datetime, seen: Collection[Seen]) -> list[Party]:
        held: dict[PrincipalId, tuple[str, set[str], set[str]]] = {}
        for reader in self._readers(now):
            _, categories, purposes = held.setdefault(reader.principal, (reader.name, set(), set()))
            categories |= {category.value for category in reader.categories}
            purposes.add(reader.purpose.value)
        kinds = self._kinds(held)
        users = [
            Party(
                "app" if kinds.get(id_) == PrincipalKind.APP.value else "person",
                name,
                f"{_counted(len(categories))} for {', '.join(sorted(purposes))}",
            )
            for id_, (name, categories, purposes) in sorted(held.items(), key=lambda i: i[1][0])
        ]
        told: dict[str, set[str]] = defaultdict(set)
        for one in seen:
            if one.way is Way.DISCLOSED:
                told[one.place].add(one.field)
        for target in self._targets.listed(Role.PARTY):
            if target.in_effect or str(target.id) in told:
                given = len(told.get(str(target.id), ()))
                users.append(Party("party", target.name, f"relay: {given} fields disclosed"))
        return users

    def _kinds(self, held: Collection[PrincipalId]) -> dict[PrincipalId, str]:
        table = schema.principal
        with self._database.read() as tx:
            rows = tx.execute(sa.select(table.c.id, table.c.kind).where(table.c.id.in_(held)))
            return {row.id: row.kind for row in rows}

    def _last_told(self) -> tuple[str, int, datetime] | None:
        """Return the last confirmation by the log: digest, who, when."""
        with self._lock:
            types = (EventType.PROCESSING_CONFIRMED,)
            for entry in self._audit.of_types(types, first=self._upto):
                self._upto = entry.seq + 1
                if entry.outcome == Outcome.SUCCESS.value and entry.body:
                    body = entry.body
                    at = datetime.fromisoformat(body["t"])
                    self._told = (body["chg"][0]["after"], body["actor"]["id"], at)
            return self._told


def _event(caller: Caller, count: int, digest: str | None, refused: Reason | None) -> Event:
    return Event(
        EventType.PROCESSING_CONFIRMED,
        Outcome.SUCCESS if refused is None else Outcome.DENIED,
        caller,
        reason=refused,
        n=count,
        changes=() if digest is None else (Change(Field.CONTENT, after=digest),),
    )


def _recorded(found: Record, seen: int, proof: tuple[str, ...], now: datetime) -> Finding:
    """Return whether the record is whole and confirmed."""
    if found.missing:
        why = f"fields were seen that the record does not have: {_some(found.missing)}"
        remedy = "see /drift: teach the catalogue what Amazon sends, or have the operation refused"
        return Finding(Verdict.FAIL, why, proof, remedy)
    if found.gaps:
        why = f"rows of the record have gaps: {_some(found.gaps)}"
        return Finding(Verdict.FAIL, why, proof, "give the field a purpose, or stop collecting it")
    confirmed, remedy = found.confirmed, "the privacy owner reads and confirms it on /processing"
    if confirmed is None:
        return Finding(Verdict.FAIL, "nobody has confirmed the record of processing", proof, remedy)
    if not confirmed.sound:
        why = "what stands as the last confirmation is not what the log knows"
        return Finding(Verdict.FAIL, why, proof, remedy)
    if now - confirmed.at > PROCESSING_CONFIRMED_EVERY:
        why = f"the record was last confirmed on {confirmed.at:%Y-%m-%d}, more than 90 days ago"
        return Finding(Verdict.FAIL, why, proof, remedy)
    since = (
        f"; {len(found.changed)} changes since" if found.changed else ", and nothing changed since"
    )
    why = f"all {seen} fields seen are in the record, confirmed on {confirmed.at:%Y-%m-%d}{since}"
    confirmation = f"confirmed by principal {confirmed.by}, SHA-256 {confirmed.digest}"
    return Finding(Verdict.PASS, why, (*proof, confirmation))


def _whole(found: Record, seen: int, proof: tuple[str, ...]) -> Finding:
    """Return whether all that was seen is known to be personal or not, so that no store outside holds any."""
    if found.missing:
        why = f"values of unknown fields came and became tokens; nobody classified {_some(found.missing)}"
        return Finding(Verdict.FAIL, why, proof, "see /drift and classify them")
    why = f"each of the {seen} personal fields seen is classified, and stands as a token outside the vault"
    return Finding(Verdict.PASS, why, proof)


def _approved(targets: Collection[Target]) -> dict[str, frozenset[Category]]:
    return {
        target.name: frozenset(target.destination.categories)
        for target in targets
        if target.in_effect and isinstance(target.destination, parties.Party)
    }


def _traffic(seen: Collection[Seen], targets: Collection[Target]) -> Traffic:
    names = {str(target.id): target.name for target in targets}
    brought: dict[str, set[str]] = defaultdict(set)
    given: dict[str, set[str]] = defaultdict(set)
    for one in seen:
        if one.way is Way.COLLECTED:
            brought[one.field].add(one.place)
        else:
            given[one.field].add(f"{names.get(one.place, one.place)} ({one.purpose})")
    return Traffic(_frozen(brought), _frozen(given))


def _frozen(found: Mapping[str, set[str]]) -> dict[str, frozenset[str]]:
    return {name: frozenset(values) for name, values in found.items()}


def _counted(number: int) -> str:
    return "1 category" if number == 1 else f"{number} categories"


def _some(names: Collection[str]) -> str:
    listed = list(names)
    more = len(listed) - _NAMED
    return ", ".join(listed[:_NAMED]) + (f" and {more} more" if more > 0 else "")
