"""The rows of the inventory, and the questions asked of them; private to this room [2.3].

What people and feeds write of an asset lies sealed; it is found again by keyed hashes. The conditions on a device's
posture say the same as `posture.judged`, in the database's words, so that counting needs no row.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.assurance.assets.asset import Asset, Bom, Words
from strongroom.assurance.assets.kinds import PHYSICAL, Disposal, Kind, Source
from strongroom.assurance.assets.posture import (
    AGES,
    FLAGS,
    REPORT_AGE,
    Check,
    Report,
    State,
    applies,
)
from strongroom.compliance.writings import Writings
from strongroom.db import schema
from strongroom.db.engine import Transaction
from strongroom.errors import NotFound
from strongroom.terms import PrincipalId

assets: Final = schema.asset
postures: Final = schema.asset_posture
boms: Final = schema.asset_bom

_WORDS: Final = "asset.words"
_CHUNK: Final = 500
_feed: Final = postures.alias("feed")
_stated: Final = postures.alias("stated")


class Filter(StrEnum):
    """Which assets a list shows."""

    ACTIVE = "active"
    OPEN = "open"
    """Neither confirmed nor retired."""
    NO_OWNER = "no_owner"
    RETIRED = "retired"
    EVERY = "every"


def sealed(writings: Writings, key: str, words: Words) -> bytes:
    """Return an asset's words as the row of this key keeps them."""
    plain = {"name": words.name, "serial": words.serial, "place": words.place, "note": words.note}
    return writings.seal(_WORDS, key, orjson.dumps(plain).decode())


def read(row: Any, writings: Writings) -> Asset:  # noqa: ANN401 - a row of `assets`
    """Return the asset of a row. Raises: Tampered: its words are from elsewhere."""
    return Asset(
        row.id,
        row.key,
        Kind(row.kind),
        Source(row.source),
        row.feed,
        Words(**orjson.loads(writings.open(_WORDS, row.key, bytes(row.words)))),
        row.owner_id,
        bool(row.pii),
        row.added_at,
        row.changed_at,
        row.seen_at,
        row.confirmed_at,
        row.confirmed_by,
        row.retired_at,
        row.retired_by,
        None if row.disposal is None else Disposal(row.disposal),
        row.disposal_digest,
    )


def one(tx: Transaction, writings: Writings, id_: int, *, locked: bool = False) -> Asset:
    """Return one asset. Raises: NotFound."""
    query = sa.select(assets).where(assets.c.id == id_)
    row = tx.execute(query.with_for_update() if locked else query).first()
    if row is None:
        raise NotFound(f"there is no asset {id_}")
    return read(row, writings)


def by_keys(tx: Transaction, writings: Writings, keys: Iterable[str]) -> dict[str, Asset]:
    """Return the assets that are known by these keys."""
    wanted, found = list(keys), {}
    for at in range(0, len(wanted), _CHUNK):
        query = sa.select(assets).where(assets.c.key.in_(wanted[at : at + _CHUNK]))
        found.update({row.key: read(row, writings) for row in tx.execute(query)})
    return found


def page(
    tx: Transaction,
    writings: Writings,
    where: Sequence[sa.ColumnElement[bool]],
    *,
    before: int | None,
    after: int | None,
    limit: int,
) -> list[Asset]:
    """Return up to so many assets: falling numbers below `before`, or rising ones above `after`."""
    query = sa.select(assets).where(*where)
    if before is not None:
        query = query.where(assets.c.id < before)
    if after is not None:
        query = query.where(assets.c.id > after)
    order = assets.c.id if after is not None else assets.c.id.desc()
    rows = tx.execute(query.order_by(order).limit(limit)).all()
    return [read(row, writings) for row in rows]


def shown(which: Filter, people: Collection[PrincipalId]) -> list[sa.ColumnElement[bool]]:
    """Return what makes an asset one of these; `people` are there."""
    active = assets.c.retired_at.is_(None)
    by: dict[Filter, list[sa.ColumnElement[bool]]] = {
        Filter.ACTIVE: [active],
        Filter.OPEN: [active, assets.c.confirmed_at.is_(None)],
        Filter.NO_OWNER: [active, ownerless(people)],
        Filter.RETIRED: [assets.c.retired_at.is_not(None)],
        Filter.EVERY: [],
    }
    return by[which]


def reports(tx: Transaction, ids: Collection[int]) -> dict[tuple[int, str], Report]:
    """Return what was reported and stated of these assets, by number and kind of report."""
    found, wanted = {}, list(ids)
    for at in range(0, len(wanted), _CHUNK):
        query = sa.select(postures).where(postures.c.asset_id.in_(wanted[at : at + _CHUNK]))
        for row in tx.execute(query):
            found[row.asset_id, row.source] = Report(
                row.at,
                {
                    check: bool(told)
                    for check in FLAGS
                    if (told := getattr(row, check.value)) is not None
                },
                {check: told for check in AGES if (told := getattr(row, check.value)) is not None},
                row.expires_at,
            )
    return found


def put_report(
    tx: Transaction,
    asset: int,
    report: Report,
    *,
    by: PrincipalId | None = None,
    digest: str | None = None,
) -> None:
    """Keep a report in place of the one before of its kind."""
    put_reports(tx, {asset: report}, by=by, digest=digest)


def put_reports(
    tx: Transaction,
    told: Mapping[int, Report],
    *,
    by: PrincipalId | None = None,
    digest: str | None = None,
) -> None:
    """Keep reports of many assets, all of one kind, in place of those before."""
    rows = []
    for asset, report in told.items():
        row: dict[str, Any] = {check.value: report.flags.get(check) for check in FLAGS}
        row |= {check.value: report.ages.get(check) for check in AGES}
        source = "feed" if report.expires_at is None else "statement"
        row |= {"asset_id": asset, "source": source, "at": report.at}
        row |= {"expires_at": report.expires_at, "stated_by": by, "digest": digest}
        rows.append(row)
    for at in range(0, len(rows), _CHUNK):
        chunk = rows[at : at + _CHUNK]
        old = postures.c.asset_id.in_([row["asset_id"] for row in chunk])
        tx.execute(postures.delete().where(old, postures.c.source == chunk[0]["source"]))
        tx.execute(postures.insert(), chunk)


def bom(tx: Transaction, asset: int) -> Bom | None:
    """Return what is known of an asset's parts."""
    row = tx.execute(sa.select(boms).where(boms.c.asset_id == asset)).first()
    if row is None:
        return None
    return Bom(row.at, row.by_id, row.format, row.components, row.sha256)


# -- the matrix, counted by the database -------------------------------------------------------------

_IN_SCOPE: Final = (
    assets.c.retired_at.is_(None),
    assets.c.pii.is_(sa.true()),
    assets.c.kind.in_([kind.value for kind in sorted(PHYSICAL)]),
)


def in_scope() -> tuple[sa.ColumnElement[bool], ...]:
    """Return what makes an asset a row of the matrix: it is a thing, handles personal data, and is here."""
    return _IN_SCOPE


def tallies(
    tx: Transaction,
    asked: Sequence[tuple[Collection[Check], Collection[Kind]]],
    now: datetime,
    *,
    current: bool,
) -> list[dict[State, int]]:
    """Return how many devices of some kinds fail, are unknown and pass in some checks; one look for all of it."""
    columns = [
        sa.case(
            (assets.c.kind.in_([kind.value for kind in sorted(kinds)]), state),
            else_=State.NOT_APPLICABLE.value,
        ).label(f"state_{number}")
        for number, (checks, kinds) in enumerate(asked)
        for state in [_state(checks, now, current=current)]
    ]
    # Grouped outside: PostgreSQL takes an expression with parameters for another one each time.
    judged = sa.select(*columns).select_from(_joined(now)).where(*_IN_SCOPE).subquery()
    query = sa.select(*judged.c, sa.func.count().label("n")).group_by(*judged.c)
    found = [dict.fromkeys(State, 0) for _ in asked]
    for *states, number in tx.execute(query):
        for tally, state in zip(found, states, strict=True):
            if state != State.NOT_APPLICABLE.value:
                tally[State(state)] += number
    return found


def first_of(
    tx: Transaction,
    state: State,
    checks: Collection[Check],
    now: datetime,
    *,
    current: bool,
    kinds: Collection[Kind],
    most: int,
) -> list[int]:
    """Return the numbers of the first devices that stand so."""
    query = (
        sa.select(assets.c.id)
        .select_from(_joined(now))
        .where(
            *_IN_SCOPE,
            assets.c.kind.in_([kind.value for kind in sorted(kinds)]),
            _state(checks, now, current=current) == state.value,
        )
        .order_by(assets.c.id)
        .limit(most)
    )
    return list(tx.execute(query).scalars())


def standing(state: State, now: datetime, *, current: bool) -> sa.ColumnElement[bool]:
    """Return what makes a device one that stands so; for a query of assets alone."""
    wanted = sa.select(assets.c.id).select_from(_joined(now))
    wanted = wanted.where(*_IN_SCOPE, _state(Check, now, current=current) == state.value)
    return assets.c.id.in_(wanted)


def _joined(now: datetime) -> sa.FromClause:
    """Return assets beside the reports that count now."""
    feed = (
        _feed.c.asset_id == assets.c.id,
        _feed.c.source == "feed",
        _feed.c.at > now - REPORT_AGE,
    )
    stated = (
        _stated.c.asset_id == assets.c.id,
        _stated.c.source == "statement",
        _stated.c.expires_at > now,
    )
    return assets.outerjoin(_feed, sa.and_(*feed)).outerjoin(_stated, sa.and_(*stated))


def _state(checks: Iterable[Check], now: datetime, *, current: bool) -> sa.ColumnElement[str]:
    failing, unknown = [], []
    for check in checks:
        kinds = [kind.value for kind in Kind if check in applies(kind, current=current)]
        if not kinds:
            continue
        of_kind = assets.c.kind.in_(kinds)
        if check is Check.OWNER:
            failing.append(sa.and_(of_kind, assets.c.owner_id.is_(None)))
            continue
        passes = _passes(check, now)
        failing.append(sa.and_(of_kind, passes.is_(sa.false())))
        unknown.append(sa.and_(of_kind, passes.is_(None)))
    return sa.case(
        (sa.or_(sa.false(), *failing), State.FAIL.value),
        (sa.or_(sa.false(), *unknown), State.UNKNOWN.value),
        else_=State.PASS.value,
    )


def _passes(check: Check, now: datetime) -> sa.ColumnElement[bool | None]:
    """Return whether a check passes; null where nobody knows."""
    told: sa.ColumnElement[Any] = _feed.c[check.value]
    said: sa.ColumnElement[Any] = _stated.c[check.value]
    if check in AGES:
        age = AGES[check]
        told = told > now - age
        # Columns of instants are whole microseconds; a statement is judged by the instant it was made.
        micros = int(age.total_seconds() * 1_000_000)
        made_at = sa.type_coerce(_stated.c.at, sa.BigInteger)
        said = sa.type_coerce(said, sa.BigInteger) > made_at - micros
    return sa.func.coalesce(told, said, type_=sa.Boolean)


def ownerless(people: Collection[PrincipalId]) -> sa.ColumnElement[bool]:
    """Return what makes an asset one that nobody answers for; `people` are there."""
    return sa.or_(assets.c.owner_id.is_(None), assets.c.owner_id.not_in(list(people)))


def counts(tx: Transaction, people: Collection[PrincipalId]) -> Mapping[str, int]:
    """Return how many assets there are, and how many of them lack what; `people` are there."""
    active = assets.c.retired_at.is_(None)

    def number(*where: sa.ColumnElement[bool]) -> sa.Label[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((sa.and_(*where), 1), else_=0)), 0)  # type: ignore[return-value]

    row = tx.execute(
        sa.select(
            number(active).label("active"),
            number(active, assets.c.confirmed_at.is_(None)).label("open"),
            number(active, ownerless(people)).label("no_owner"),
            number(active, assets.c.pii.is_(sa.true())).label("pii"),
            number(assets.c.retired_at.is_not(None)).label("retired"),
        )
    ).one()
    return {name: int(value) for name, value in row._mapping.items()}  # noqa: SLF001 - its public name has an underscore
