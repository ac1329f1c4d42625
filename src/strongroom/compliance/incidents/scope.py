"""Computes from the log what an incident concerns: records, people and sellers, by whom and when [1.6].

Counts and numbers of records, no value. What was asked and what came of it have a digest, so that the same question can
be put again later and held against it.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Final

import orjson

from strongroom.audit import AuditLog, EventType, Outcome
from strongroom.audit.catalogue import CATALOGUE
from strongroom.terms import PrincipalId

MOST_REFS: Final = 10_000
"""Numbers of records that are kept with a scope; what is more is counted and in the digest."""

_OUT: Final = {
    EventType.RECORD_REVEALED: "revealed",
    EventType.RECORD_SEARCHED: "searched",
    EventType.RELAY_DISCLOSED: "relayed",
    EventType.PAPER_PRINTED: "printed",
    EventType.REQUEST_EXPORTED: "exported",
    EventType.CANARY_TOUCHED: "canaries",
}
"""What of it is counted by itself."""

TYPES: Final = frozenset(
    type_ for type_, one in CATALOGUE.items() if "records" in one.members.split()
) | frozenset(_OUT)


@dataclass(frozen=True, slots=True)
class Scope:
    """What the log says. `refs` are numbers of records, at most `MOST_REFS` of them."""

    query: str
    digest: str
    entries: int
    records: int
    sellers: tuple[int, ...]
    principals: tuple[int, ...]
    by_kind: dict[str, int]
    refs: tuple[int, ...]
    first_at: str | None
    last_at: str | None


def scope_of(
    audit: AuditLog, principals: Collection[PrincipalId], since: datetime, until: datetime
) -> Scope:
    """Return what these principals, or all, did with records in a window; refusals are counted as nothing."""
    records: set[int] = set()
    sellers: set[int] = set()
    actors: set[int] = set()
    kinds: dict[str, int] = {}
    mark = sha256()
    entries, first, last = 0, None, None
    wanted = {int(one) for one in principals}
    for event in audit.of_types(TYPES, since=since):
        body = event.body
        if not body:
            continue
        at = datetime.fromisoformat(body["t"])
        if at > until:
            break
        actor = body["actor"]["id"]
        if wanted and actor not in wanted:
            continue
        if event.outcome != Outcome.SUCCESS.value and event.type != EventType.CANARY_TOUCHED.value:
            continue
        entries += 1
        first, last = first or body["t"], body["t"]
        actors.add(actor)
        records |= set(body.get("records", ()))
        if "seller" in body:
            sellers.add(body["seller"])
        kind = _OUT.get(EventType(event.type), "other")
        kinds[kind] = kinds.get(kind, 0) + 1
        mark.update(f"{event.seq} {body['id']}\n".encode())
    query = orjson.dumps(
        {
            "principals": sorted(wanted),
            "since": since.isoformat(),
            "until": until.isoformat(),
            "types": sorted(type_.value for type_ in TYPES),
        },
        option=orjson.OPT_SORT_KEYS,
    ).decode()
    for number in sorted(records):
        mark.update(f"{number}\n".encode())
    return Scope(
        query,
        mark.hexdigest(),
        entries,
        len(records),
        tuple(sorted(sellers)),
        tuple(sorted(actors)),
        kinds,
        tuple(sorted(records)[:MOST_REFS]),
        first,
        last,
    )
