"""Campaigns: every 90 days people look at who has access, with real reads beside it, and decide [1.2].

The population is what one query found, kept with that query, its row count and its SHA-256. A reviewer
never decides about access of their own, except to give it up, and about a glass of their own not even
that. Nothing waits for a job: what was not
confirmed counts no more on day 91 by `policy.reviews`. A campaign closes only when what was revoked
or narrowed is proved so: rows and recorded events are read again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit import AuditLog, Change, Event, EventType, Field, ObjKind, Outcome, Reason
from strongroom.compliance.access import (
    EFFECTIVE,
    Use,
    count_uses,
    last_baseline,
    take_baseline,
)
from strongroom.db import schema
from strongroom.db.engine import Database, Transaction
from strongroom.errors import Conflict, Denied, NotFound, Tampered
from strongroom.policy import grants as rules
from strongroom.policy.leaving import has_ended
from strongroom.policy.limits import REVIEW_EVERY
from strongroom.policy.reviews import Seen, Verdict, marks, may_decide, population_hash
from strongroom.terms import Caller, Category, PrincipalId, PrincipalKind, SellerId
from strongroom.vault import GrantRow, GrantStore

_campaigns: Final = schema.review_campaign
_items: Final = schema.review_item
_PROVING: Final = (EventType.GRANT_REVOKED, EventType.GRANT_NARROWED)


@dataclass(frozen=True, slots=True)
class Campaign:
    """One review of the whole list."""

    id: int
    started_at: datetime
    started_by: PrincipalId
    query: str
    row_count: int
    population_hash: str
    closed_at: datetime | None
    closed_by: PrincipalId | None


@dataclass(frozen=True, slots=True)
class Item:
    """One grant under review; `content` is what the reviewer is shown, `grant` the row as it is now."""

    id: int
    campaign: int | None
    grant: GrantRow
    content: dict[str, Any]
    marks: tuple[str, ...]
    reads: int
    last_read_at: datetime | None
    due_at: datetime
    decision: Verdict | None
    decided_by: PrincipalId | None
    decided_at: datetime | None
    proved_at: datetime | None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """What a `change` takes away; None leaves a part as it is."""

    categories: frozenset[Category] | None = None
    sellers: frozenset[SellerId] | None = None
    budget: int | None = None
    lifetime: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Closed:
    """A finished campaign: how many were decided how, and which grants are proved to be dead or narrower."""

    campaign: Campaign
    decided: dict[str, int]
    suspended: tuple[int, ...]
    """Grants that nobody decided about in time; they count no more."""
    proved: tuple[int, ...]
    baseline: str


class Reviews:
    """The campaigns of one home. What a method changed is durable on return, with its events."""

    def __init__(self, database: Database, audit: AuditLog, grants: GrantStore) -> None:
        self._database = database
        self._audit = audit
        self._grants = grants

    def start(self, caller: Caller, now: datetime) -> Campaign:
        """Take the population and open a campaign.

        Raises:
            Denied: the caller is no person.
            Conflict: one is open.

        """
        _refuse_programs(caller)
        with self._database.read() as tx:
            since = tx.execute(sa.select(sa.func.max(_campaigns.c.started_at))).scalar()
        # From the log, before the write begins; reads in between count for the next campaign.
        uses = count_uses(self._audit, since)
        active = self._audit.last_active()
        with self._database.write() as tx:
            if self._open(tx) is not None:
                raise Conflict("a campaign is open", hint="close it first")
            query = _population(now)
            listed = set(tx.execute(query).scalars())
            before = last_baseline(tx)
            known = {} if before is None else before.terms
            rows = [
                row
                for row in self._grants.all_in(tx)
                if row.grant.id in listed or row.grant.id in known
            ]
            shown = [
                _shown(tx, row, known.get(row.grant.id), uses.get(row.grant.id), active, now)
                for row in rows
            ]
            digest = population_hash(content for content, _marks in shown)
            id_: int = tx.execute(
                _campaigns.insert()
                .values(
                    started_at=now,
                    started_by=caller.principal,
                    query=_text(query, tx),
                    row_count=len(rows),
                    population_hash=digest,
                )
                .returning(_campaigns.c.id)
            ).scalar_one()
            for row, (content, found) in zip(rows, shown, strict=True):
                use = uses.get(row.grant.id, Use())
                tx.execute(
                    _items.insert().values(
                        campaign_id=id_,
                        grant_id=row.grant.id,
                        content=content,
                        marks=found,
                        reads=use.reads,
                        last_read_at=use.last_at,
                        created_at=now,
                        due_at=_due(row, now),
                    )
                )
            self._record(
                tx, EventType.REVIEW_STARTED, caller, now, f"{id_}", n=len(rows), digest=digest
            )
            return _campaign(tx, id_)

    def all(self) -> list[Campaign]:
        """Return every campaign, oldest first."""
        with self._database.read() as tx:
            ids = tx.execute(sa.select(_campaigns.c.id).order_by(_campaigns.c.id)).scalars().all()
            return [_campaign(tx, id_) for id_ in ids]

    def show(self, campaign: int) -> tuple[Campaign, list[Item]]:
        """Return a campaign with its items.

        Raises:
            NotFound: there is none of this number.
            Tampered: its population is not the one whose hash was recorded.

        """
        with self._database.read() as tx:
            found = _campaign(tx, campaign)
            items = self._listed(tx, _items.c.campaign_id == campaign)
            contents = tx.execute(
                sa.select(_items.c.content)
                .where(_items.c.campaign_id == campaign)
                .order_by(_items.c.id)
            ).scalars()
            if population_hash(contents) != found.population_hash:
                raise Tampered(f"the population of review {campaign} is not the one it began with")
        return found, items

    def part(
        self,
        campaign: int,
        *,
        waiting: bool,
        before: int | None,
        after: int | None,
        most: int,
    ) -> tuple[Campaign, list[Item], dict[str, int]]:
        """Return some items of a campaign, and how many are decided how; those that wait under the empty word.

        Items come by falling numbers below `before`, or by rising ones above `after`. Raises: NotFound.
        """
        where: sa.ColumnElement[bool] = _items.c.campaign_id == campaign
        if waiting:
            where &= _items.c.decision.is_(None)
        if before is not None:
            where &= _items.c.id < before
        if after is not None:
            where &= _items.c.id > after
        counts = (
            sa.select(_items.c.decision, sa.func.count())
            .where(_items.c.campaign_id == campaign)
            .group_by(_items.c.decision)
        )
        order = _items.c.id if after is not None else _items.c.id.desc()
        with self._database.read() as tx:
            found = _campaign(tx, campaign)
            ids = tx.execute(sa.select(_items.c.id).where(where).order_by(order).limit(most))
            numbers = list(ids.scalars())
            items = {one.id: one for one in self._listed(tx, _items.c.id.in_(numbers))}
            decided = {decision or "": count for decision, count in tx.execute(counts)}
        return found, [items[number] for number in numbers], decided

    def broken_glass(self, *, waiting: bool = True) -> list[Item]:
        """Return the reviews that breaking the glass made necessary; only those not yet decided."""
        where: sa.ColumnElement[bool] = _items.c.campaign_id.is_(None)
        if waiting:
            where &= _items.c.decision.is_(None)
        with self._database.read() as tx:
            return self._listed(tx, where)

    def decide(
        self,
        caller: Caller,
        item: int,
        verdict: Verdict,
        now: datetime,
        *,
        lifetime: timedelta | None = None,
        narrowing: Narrowing | None = None,
    ) -> Item:
        """Decide about one grant, which is confirmed, narrowed or revoked in the same transaction.

        `keep` with a lifetime also moves the grant's end, at most 90 days from now.

        Raises:
            Denied: the caller is no person, or it is access of their own; recorded.
            Conflict: it was decided, its campaign is closed, or the grant has no effect any more.
            Malformed: a `change` that is not narrower.

        """
        _refuse_programs(caller)
        with self._database.write() as tx:
            found = self._item(tx, item)
            grant = found.grant.grant
            # A broken glass is looked at by somebody else, wherever there is somebody else.
            by_another = found.campaign is None and not self._grants.one_person
            subjects = self._subjects(tx, grant)
            allowed = may_decide(caller.principal, subjects, verdict, by_another=by_another)
            if allowed:
                if found.decision is not None:
                    raise Conflict(f"item {item} is decided: {found.decision}")
                if found.campaign is not None and _campaign(tx, found.campaign).closed_at:
                    raise Conflict(f"review {found.campaign} is closed")
                self._apply(tx, caller, found, verdict, now, lifetime, narrowing or Narrowing())
                tx.execute(
                    _items.update()
                    .where(_items.c.id == item)
                    .values(decision=verdict, decided_by=caller.principal, decided_at=now)
                )
            event = Event(
                EventType.REVIEW_DECIDED,
                Outcome.SUCCESS if allowed else Outcome.DENIED,
                caller,
                reason=None if allowed else Reason.SELF_REVIEW,
                op=verdict.value,
                obj_kind=ObjKind.REVIEW,
                obj_ref=str(item),
                decision=grant.id,
            )
            self._audit.append(tx, event, now=now)
            decided = self._item(tx, item)
        if not allowed:
            raise Denied("nobody reviews access of their own", hint="another person decides")
        return decided

    def close(self, caller: Caller, campaign: int, now: datetime) -> Closed:
        """Prove what was revoked and narrowed, keep what was confirmed as the baseline, and close.

        Raises:
            Denied: the caller is no person.
            Conflict: it is closed, a living grant waits for its decision, or a proof failed.

        """
        _refuse_programs(caller)
        self.show(campaign)
        recorded = {
            (entry.type, entry.body["obj"]["ref"]): entry.body["chg"][0]["after"]
            for entry in self._audit.of_types(_PROVING)
            if entry.outcome == Outcome.SUCCESS.value
        }
        with self._database.write() as tx:
            if _campaign(tx, campaign).closed_at is not None:
                raise Conflict(f"review {campaign} is closed")
            items = self._listed(tx, _items.c.campaign_id == campaign)
            waiting = [i for i in items if i.decision is None]
            alive = [i.id for i in waiting if i.grant.state(now) == "active"]
            if alive:
                raise Conflict(f"{len(alive)} items wait for a decision: {_some(alive)}")
            to_prove = [i for i in items if i.decision in (Verdict.REVOKE, Verdict.CHANGE)]
            unproved = [i.grant.grant.id for i in to_prove if not self._is_proved(i, recorded, now)]
            if unproved:
                raise Conflict(f"what was decided of grants {_some(unproved)} did not happen")
            tx.execute(
                _items.update()
                .where(_items.c.id.in_([i.id for i in to_prove]))
                .values(proved_at=now)
            )
            tx.execute(
                _campaigns.update()
                .where(_campaigns.c.id == campaign)
                .values(closed_at=now, closed_by=caller.principal)
            )
            # What nobody confirmed, or was approved since the start, is no part of what was reviewed.
            confirmed = [
                i.grant
                for i in items
                if i.decision in (Verdict.KEEP, Verdict.CHANGE)
                and i.grant.grant.kind != rules.BREAK_GLASS
                and i.grant.state(now) == "active"
            ]
            digest = take_baseline(tx, campaign, confirmed, now)
            self._record(
                tx, EventType.REVIEW_CLOSED, caller, now, f"{campaign}", n=len(items), digest=digest
            )
            decided = {v.value: sum(i.decision is v for i in items) for v in Verdict}
            return Closed(
                _campaign(tx, campaign),
                decided,
                tuple(i.grant.grant.id for i in waiting if i.grant.state(now) == "suspended"),
                tuple(i.grant.grant.id for i in to_prove),
                digest,
            )

    # -- private ---------------------------------------------------------------------------------

    def _apply(
        self,
        tx: Transaction,
        caller: Caller,
        item: Item,
        verdict: Verdict,
        now: datetime,
        lifetime: timedelta | None,
        narrowing: Narrowing,
    ) -> None:
        grant = item.grant.grant.id
        match verdict:
            case Verdict.REVOKE:
                self._grants.revoke_in(tx, caller, grant, now)
            case Verdict.CHANGE:
                self._grants.narrow_in(
                    tx,
                    caller,
                    grant,
                    now,
                    categories=narrowing.categories,
                    sellers=narrowing.sellers,
                    budget=narrowing.budget,
                    lifetime=narrowing.lifetime,
                )
            case Verdict.KEEP if item.campaign is not None:
                self._grants.confirm_in(tx, caller, grant, now, lifetime=lifetime)
            case Verdict.KEEP:
                pass  # a broken glass was justified; it ends by itself within hours

    def _is_proved(self, item: Item, recorded: dict[tuple[str, str], str], now: datetime) -> bool:
        grant = item.grant.grant
        ref = str(grant.id)
        if item.decision is Verdict.CHANGE and grant.revoked_at is None:
            narrowed = recorded.get((EventType.GRANT_NARROWED.value, ref))
            return narrowed == self._grants.seal(grant)
        # The door's own question, of the row as it is now, and the log's word for it.
        refused = not any(
            isinstance(rules.decide([grant], **asked, now=now), rules.Allow)
            for asked in _questions(grant)
        )
        return refused and (EventType.GRANT_REVOKED.value, ref) in recorded

    def _subjects(self, tx: Transaction, grant: rules.Grant) -> frozenset[PrincipalId]:
        """Return whose access it is: who holds the grant, and the person who answers for an app."""
        owner = tx.execute(
            sa.select(schema.principal.c.owner_id).where(schema.principal.c.id == grant.principal)
        ).scalar()
        if owner is None or self._grants.one_person:
            return frozenset({grant.principal})
        return frozenset({grant.principal, PrincipalId(owner)})

    def _open(self, tx: Transaction) -> int | None:
        return tx.execute(
            sa.select(_campaigns.c.id).where(_campaigns.c.closed_at.is_(None))
        ).scalar()

    def _item(self, tx: Transaction, item: int) -> Item:
        found = self._listed(tx, _items.c.id == item)
        if not found:
            raise NotFound(f"there is no item {item}")
        return found[0]

    def _listed(self, tx: Transaction, where: sa.ColumnElement[bool]) -> list[Item]:
        rows = tx.execute(sa.select(_items).where(where).order_by(_items.c.id)).all()
        wanted = {row.grant_id for row in rows}
        grants = {row.grant.id: row for row in self._grants.some_in(tx, wanted)}
        return [
            Item(
                row.id,
                row.campaign_id,
                grants[row.grant_id],
                orjson.loads(row.content),
                tuple(row.marks.split(",")) if row.marks else (),
                row.reads,
                row.last_read_at,
                row.due_at,
                None if row.decision is None else Verdict(row.decision),
                row.decided_by,
                row.decided_at,
                row.proved_at,
            )
            for row in rows
        ]

    def _record(
        self,
        tx: Transaction,
        type_: EventType,
        caller: Caller,
        now: datetime,
        ref: str,
        *,
        n: int,
        digest: str,
    ) -> None:
        event = Event(
            type_,
            Outcome.SUCCESS,
            caller,
            obj_kind=ObjKind.REVIEW,
            obj_ref=ref,
            n=n,
            changes=(Change(Field.POPULATION, after=digest),),
        )
        self._audit.append(tx, event, now=now)


def _questions(grant: rules.Grant) -> list[dict[str, Any]]:
    """Return everything that a grant once answered with yes."""
    return [
        {"action": grant.action, "purpose": grant.purpose, "category": category, "seller": seller}
        for category in grant.categories
        for seller in (grant.sellers or {SellerId(1)})
    ]


def _population(now: datetime) -> sa.Select[Any]:
    grant = schema.grant
    return (
        sa.select(grant.c.id)
        .where(
            grant.c.approved_at <= now,
            grant.c.expires_at > now,
            grant.c.revoked_at.is_(None) | (grant.c.revoked_at > now),
        )
        .order_by(grant.c.id)
    )


def _text(query: sa.Select[Any], tx: Transaction) -> str:
    compiled = query.compile(dialect=tx.dialect, compile_kwargs={"literal_binds": True})
    return " ".join(str(compiled).split())


def _due(row: GrantRow, now: datetime) -> datetime:
    grant = row.grant
    since = grant.reviewed_at or grant.approved_at or now
    return grant.review_by or since + REVIEW_EVERY


def _shown(
    tx: Transaction,
    row: GrantRow,
    before: str | None,
    use: Use | None,
    active: dict[int, datetime],
    now: datetime,
) -> tuple[str, str]:
    """Return an item's content and marks."""
    grant, people = row.grant, schema.principal
    said = rules.terms(grant)
    holder = tx.execute(sa.select(people).where(people.c.id == grant.principal)).one()
    owner = (
        None
        if holder.owner_id is None
        else tx.execute(sa.select(people).where(people.c.id == holder.owner_id)).one()
    )
    orphaned = has_ended(holder.ended_at, now) or (
        owner is not None and has_ended(owner.ended_at, now)
    )
    seen = Seen(
        said,
        before,
        effective=row.state(now) in EFFECTIVE,
        since=grant.approved_at or row.created_at,
        reads=0 if use is None else use.reads,
        orphaned=orphaned,
        last_active_at=active.get(grant.principal),
    )
    found = marks(seen, now)
    content = {
        "terms": orjson.loads(said),
        "principal": holder.name,
        "kind": holder.kind,
        "owner": None if owner is None else owner.name,
        "requested_by": row.requested_by,
        "approved_by": row.approved_by,
        "one_person": row.one_person,
        "reason": row.reason,
        "role": row.role,
        "marks": list(found),
        "reads": seen.reads,
    }
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS).decode(), ",".join(found)


def _campaign(tx: Transaction, id_: int) -> Campaign:
    row = tx.execute(sa.select(_campaigns).where(_campaigns.c.id == id_)).first()
    if row is None:
        raise NotFound(f"there is no review {id_}")
    return Campaign(*row)


def _refuse_programs(caller: Caller) -> None:
    if caller.kind is not PrincipalKind.PERSON:
        raise Denied("people review access, programs do not")


def _some(numbers: Iterable[int]) -> str:
    numbers = list(numbers)
    return ", ".join(map(str, numbers[:10])) + (", …" if len(numbers) > 10 else "")  # noqa: PLR2004
