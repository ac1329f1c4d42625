"""A home as it is after years: many records, grants and entries of the log, put in by the thousand."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import islice
from typing import Any

import sqlalchemy as sa

from strongroom.audit import Event, EventType, ObjKind, Outcome, Reason
from strongroom.db import schema
from strongroom.terms import AuthMethod, Caller, Category, PrincipalId, PrincipalKind, Purpose
from tests.support.pages import DeskHome

_AT_ONCE = 5000
_APPS = 200


def make_many(home: DeskHome, *, records: int, grants: int, events: int) -> None:
    """Put them in; events are real entries of the signed log, of two years."""
    apps = _accounts(home)
    _insert(home, schema.grant, _grants(home, apps, grants))
    _insert(home, schema.record, _records(records))
    _insert(home, schema.record_key, _keys(home, records))
    start = home.now - timedelta(days=730)
    step = timedelta(days=730) / max(events // 1000, 1)
    for number in range(events // 1000):
        home.system.audit.record(*_events(apps, number), now=start + number * step)


def _accounts(home: DeskHome) -> list[PrincipalId]:
    row = {"kind": "app", "owner_id": 1, "created_at": home.now - timedelta(days=800)}
    _insert(home, schema.principal, (row | {"name": f"app-{n}"} for n in range(_APPS)))
    with home.system.database.read() as tx:
        found = sa.select(schema.principal.c.id).where(schema.principal.c.kind == "app")
        return [PrincipalId(id_) for id_ in tx.execute(found).scalars()]


def _grants(home: DeskHome, apps: list[PrincipalId], count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "principal_id": apps[number % len(apps)],
            "action": "reveal" if number % 3 else "search",
            "purpose": Purpose.FULFILMENT.value,
            "categories": "name,phone" if number % 2 else "address,email",
            "sellers": "*",
            "requested_by": 1,
            "approved_by": None if number % 50 == 0 else 2,
            "one_person": False,
            "created_at": home.now - timedelta(days=60),
            "approved_at": None if number % 50 == 0 else home.now - timedelta(days=59),
            "expires_at": home.now + timedelta(days=number % 120 - 10),
            "revoked_at": home.now if number % 11 == 0 else None,
            "review_by": home.now + timedelta(days=30),
        }


def _records(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield {
            "number": 10_000_000 + number,
            "seller_id": 1,
            "subject_ref": number.to_bytes(16, "big"),
            "state": 1,
            "version": 1,
            "slot_names": "",
            "blob": b"x" * 64,
            "source_updated": 0,
        }


def _keys(home: DeskHome, count: int) -> Iterator[dict[str, Any]]:
    seen = int(home.now.timestamp())
    for number in range(count):
        yield {
            "record_number": 10_000_000 + number,
            "seller_id": 1,
            "period_id": None,
            "wrapped_dek": None,
            "due_at": None,
            "past_periods": "",
            "status": 1,
            "purchased_at": seen,
            "shipped_at": 0,
            "seen_open_at": seen,
        }


def _events(apps: list[PrincipalId], batch: int) -> Iterator[Event]:
    for number in range(1000):
        who = apps[(batch + number) % len(apps)]
        caller = Caller(who, PrincipalKind.APP, "app", AuthMethod.ACCESS_TOKEN)
        denied = number % 97 == 0
        yield Event(
            EventType.RECORD_REVEALED,
            Outcome.DENIED if denied else Outcome.SUCCESS,
            caller,
            reason=Reason.NO_GRANT if denied else None,
            op="reveal",
            obj_kind=ObjKind.TOKEN,
            obj_ref=f"SR{batch:06}{number:04}",
            purpose=Purpose.FULFILMENT,
            pii=(Category.PHONE,),
            n=1,
            decision=None if denied else number % 5000 + 1,
        )


def _insert(home: DeskHome, table: sa.Table, rows: Iterator[dict[str, Any]]) -> None:
    while chunk := list(islice(rows, _AT_ONCE)):
        with home.system.database.write() as tx:
            tx.execute(sa.insert(table), chunk)
