"""Who can read what and why, and what of it nobody reviewed or recorded [1.2, 1.3].

The matrix asks the same `decide()` as the vault's door. Drift holds the rows as they are against two
witnesses: the list that the last review left behind, and what the log recorded of each grant.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import orjson
import sqlalchemy as sa

from strongroom.audit import AuditLog, Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.policy import grants as rules
from strongroom.policy.matrix import Cell, matrix
from strongroom.policy.reviews import population_hash
from strongroom.terms import Caller, PrincipalId, SellerId
from strongroom.vault import GrantRow, GrantStore
from strongroom.vault.deciding import used
from strongroom.vault.roles import RoleStore

READS: Final = (EventType.RECORD_REVEALED, EventType.RECORD_SEARCHED)
"""What was really read, as the log has it."""

EFFECTIVE: Final = frozenset({"active", "suspended"})
"""States of a grant that a review is about: a suspended one lives again when it is confirmed."""

_SAID: Final = (
    EventType.GRANT_REQUESTED,
    EventType.GRANT_APPROVED,
    EventType.GRANT_RENEWED,
    EventType.GRANT_NARROWED,
    EventType.GRANT_GLASS_BROKEN,
)
_GAVE: Final = (EventType.GRANT_APPROVED, EventType.GRANT_GLASS_BROKEN)


@dataclass(slots=True)
class Use:
    """How often a grant was used, and when last."""

    reads: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """One cell of the matrix with the grants that stand behind it."""

    cell: Cell
    grants: tuple[GrantRow, ...]
    last_used_at: datetime | None
    used_today: dict[int, int]


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed. `tampered` rows say something else than the log recorded, or were never approved."""

    baseline: int | None
    """The campaign whose closing made the baseline; None before the first."""
    taken_at: datetime | None
    digest: str | None
    added: list[int] = field(default_factory=list)
    removed: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    tampered: list[int] = field(default_factory=list)
    outdated_roles: list[int] = field(default_factory=list)
    """Grants of a role that says something else today; they stay as they are."""


class AccessView:
    """Reads grants, use and drift of one home. Only `drift` records, that somebody looked."""

    def __init__(
        self, database: Database, audit: AuditLog, grants: GrantStore, roles: RoleStore
    ) -> None:
        self._database = database
        self._audit = audit
        self._grants = grants
        self._roles = roles

    def matrix(self, sellers: Iterable[SellerId], now: datetime) -> list[Why]:
        """Return every cell in which something may be read now, and why."""
        rows = {row.grant.id: row for row in self._grants.all()}
        by_principal: dict[PrincipalId, list[rules.Grant]] = {}
        for row in rows.values():
            by_principal.setdefault(row.grant.principal, []).append(row.grant)
        uses = count_uses(self._audit, None)
        with self._database.read() as tx:
            today = {id_: used(tx, id_, now) for id_, row in rows.items() if row.grant.budget}
        found = []
        for cell in matrix(by_principal, sellers, now):
            last = [uses[id_].last_at for id_ in cell.grants if id_ in uses]
            found.append(
                Why(
                    cell,
                    tuple(rows[id_] for id_ in cell.grants),
                    max((at for at in last if at is not None), default=None),
                    {id_: today[id_] for id_ in cell.grants if id_ in today},
                )
            )
        return found

    def drift(self, caller: Caller, now: datetime) -> Drift:
        """Return what changed since the last reviewed baseline, and record that it was looked for."""
        rows = [row for row in self._grants.all() if row.state(now) in EFFECTIVE]
        with self._database.read() as tx:
            baseline = last_baseline(tx)
        terms = {row.grant.id: rules.terms(row.grant) for row in rows}
        before: dict[int, str] = {} if baseline is None else baseline.terms
        drift = Drift(
            None if baseline is None else baseline.campaign,
            None if baseline is None else baseline.taken_at,
            None if baseline is None else baseline.digest,
            added=sorted(terms.keys() - before.keys()),
            removed=sorted(before.keys() - terms.keys()),
            changed=sorted(id_ for id_, said in terms.items() if before.get(id_, said) != said),
            tampered=self._tampered(rows),
            outdated_roles=self._outdated(rows),
        )
        event = Event(
            EventType.GRANT_DRIFT_SEEN,
            Outcome.FAILURE if drift.tampered else Outcome.SUCCESS,
            caller,
            reason=Reason.TAMPERED if drift.tampered else None,
            obj_kind=None if baseline is None else ObjKind.REVIEW,
            obj_ref=None if baseline is None else str(baseline.campaign),
            n=len({*drift.added, *drift.removed, *drift.changed, *drift.tampered}),
        )
        self._audit.record(event, now=now)
        return drift

    def _tampered(self, rows: Sequence[GrantRow]) -> list[int]:
        said: dict[str, str] = {}
        given: set[str] = set()
        for entry in self._audit.of_types(_SAID):
            if entry.outcome != Outcome.SUCCESS.value:
                continue
            ref = entry.body["obj"]["ref"]
            said[ref] = entry.body["chg"][0]["after"]
            if entry.type in _GAVE:
                given.add(ref)
        return [
            row.grant.id
            for row in rows
            if str(row.grant.id) not in given
            or said[str(row.grant.id)] != self._grants.seal(row.grant)
        ]

    def _outdated(self, rows: Sequence[GrantRow]) -> list[int]:
        stamps = {found.role.stamp for found in self._roles.all().values()}
        return [row.grant.id for row in rows if row.role is not None and row.role not in stamps]


@dataclass(frozen=True, slots=True)
class Baseline:
    """Who had access after the last review: each grant's terms by its number."""

    campaign: int
    taken_at: datetime
    digest: str
    terms: dict[int, str]


def last_baseline(tx: Transaction) -> Baseline | None:
    """Return the baseline of the campaign closed last."""
    table = schema.baseline
    row = tx.execute(sa.select(table).order_by(table.c.campaign_id.desc()).limit(1)).first()
    if row is None:
        return None
    terms = {orjson.loads(said)["grant"]: said for said in orjson.loads(row.content)}
    return Baseline(row.campaign_id, row.taken_at, row.digest, terms)


def take_baseline(tx: Transaction, campaign: int, rows: Iterable[GrantRow], now: datetime) -> str:
    """Keep who has access now as what was reviewed; return its SHA-256."""
    terms = [rules.terms(row.grant) for row in rows if row.state(now) in EFFECTIVE]
    digest = population_hash(terms)
    tx.execute(
        schema.baseline.insert().values(
            campaign_id=campaign,
            taken_at=now,
            content=orjson.dumps(terms).decode(),
            digest=digest,
        )
    )
    return digest


def count_uses(audit: AuditLog, since: datetime | None) -> dict[int, Use]:
    """Return each grant's real reads from an instant on, counted from the log's events."""
    uses: dict[int, Use] = {}
    for entry in audit.of_types(READS, since):
        grant = entry.body.get("dec")
        if grant is not None and entry.outcome == Outcome.SUCCESS.value:
            use = uses.setdefault(grant, Use())
            use.reads += 1
            use.last_at = datetime.fromisoformat(entry.body["t"])
    return uses
