"""The log: found by type, who, outcome, object and time; an entry in words; its proof, checked by the reader [2.6]."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

import orjson

from strongroom.audit import Entry, EventType, ObjKind, Outcome
from strongroom.audit.browsing import MOST_LOOKED_AT, Browsed, Wanted
from strongroom.audit.catalogue import CATALOGUE
from strongroom.compliance.log_pages import Evidence
from strongroom.desk.exchange import READS_LOG, Answer, Exchange, Route
from strongroom.desk.paging import PAGE, PAGING, Cursor, Slice, cursor_of, slice_of
from strongroom.desk.rooms import Rooms
from strongroom.errors import Malformed, NotFound
from strongroom.terms import PrincipalId

_M = TypeVar("_M", bound=StrEnum)

FILTERS: Final = frozenset({"type", "who", "outcome", "object", "since", "until"})
_DIGITS: Final = 12
_MOST_NAMES: Final = 500

WORDS: Final[Mapping[str, str]] = {
    "id": "Identifier",
    "t": "When",
    "type": "What happened",
    "outcome": "How it ended",
    "reason": "Why not otherwise",
    "actor": "Who",
    "op": "Operation",
    "obj": "Done to",
    "purpose": "For what",
    "pii": "Categories of personal data",
    "n": "How many",
    "bytes": "Bytes",
    "chg": "What changed, as pseudonyms",
    "dec": "Grant that allowed it",
    "req": "Request",
    "records": "Numbers of records",
    "seller": "Selling partner",
    "src": "Pseudonym of the address",
    "node": "Machine",
    "boot": "Run of the process",
    "nseq": "Number within that run",
    "mono_ns": "Clock nobody sets, nanoseconds",
    "salt": "Salt",
    "v": "Version of the form",
}
"""Members of an entry as people call them, in the order in which they are shown."""


def routes(rooms: Rooms) -> list[Route]:
    """Return the log's pages; all are for who holds a grant to read it."""
    pages = _LogPages(rooms)
    return [
        Route("GET", "/log", pages.show, needs=READS_LOG, query=FILTERS | PAGING),
        Route("GET", "/log/{id}", pages.one, needs=READS_LOG),
        Route("GET", "/log/{id}/proof", pages.proof, needs=READS_LOG),
        Route("GET", "/log/{id}/entry", pages.entry, needs=READS_LOG),
        Route("GET", "/log/{id}/key", pages.key, needs=READS_LOG),
    ]


class _LogPages:
    def __init__(self, rooms: Rooms) -> None:
        self._log = rooms.log
        self._accounts = rooms.accounts
        self._sellers = rooms.sellers

    def show(self, exchange: Exchange) -> Answer:
        query, cursor = exchange.query, cursor_of(exchange.query)
        found = self._log.browse(
            _wanted(query),
            exchange.person.caller,
            exchange.now,
            before=cursor.before,
            after=cursor.after,
            limit=PAGE + 1,
        )
        names = self._accounts.names()
        return exchange.page(
            "log.html",
            slice=_slice(found, cursor),
            stopped=found.stopped_at is not None,
            looked_at=MOST_LOOKED_AT,
            names=names,
            people=[(str(id_), name) for id_, name in _by_name(names)],
            types=[(one.value, one.value) for one in EventType],
            outcomes=[(one.value, one.value) for one in Outcome],
            objects=[(one.value, one.value.replace("_", " ")) for one in ObjKind],
            says={type_.value: described.says for type_, described in CATALOGUE.items()},
            chosen=query,
            filtered=bool(FILTERS & {name for name, value in query.items() if value}),
        )

    def one(self, exchange: Exchange) -> Answer:
        evidence = self._prove(exchange)
        entry = evidence.proved.entry
        body = {} if entry is None else orjson.loads(entry)
        head, _, checkpoint = evidence.proved.proof.partition("\n\n")
        path = head.split("\n")[2:]
        return exchange.page(
            "log_entry.html",
            seq=exchange.id,
            entry=None if entry is None else entry.decode(),
            leaf=evidence.proved.leaf.hex(),
            facts=self._facts(body),
            says=self._says(body),
            proof=evidence.proved.proof,
            path=path,
            checkpoint=checkpoint,
            size=evidence.size,
            key=evidence.key,
        )

    def proof(self, exchange: Exchange) -> Answer:
        proved = self._prove(exchange).proved
        return _file(f"{exchange.id}.tlog-proof", proved.proof.encode())

    def entry(self, exchange: Exchange) -> Answer:
        entry = self._prove(exchange).proved.entry
        if entry is None:
            raise NotFound("the entry's bytes were given up: its proof stands on the leaf hash")
        return _file(f"{exchange.id}.entry", entry)

    def key(self, exchange: Exchange) -> Answer:
        return _file("log-key.txt", f"{self._prove(exchange).key}\n".encode())

    # -- private ---------------------------------------------------------------------------------

    def _prove(self, exchange: Exchange) -> Evidence:
        return self._log.prove(exchange.id, exchange.person.caller, exchange.now)

    def _says(self, body: Mapping[str, Any]) -> str:
        known = next((one for one in CATALOGUE if one.value == body.get("type")), None)
        return "" if known is None else CATALOGUE[known].says

    def _facts(self, body: Mapping[str, Any]) -> list[tuple[str, str]]:
        return [
            (words, self._word(member, body[member]))
            for member, words in WORDS.items()
            if member in body
        ]

    def _word(self, member: str, value: Any) -> str:  # noqa: ANN401 - a member of an entry
        match member:
            case "actor":
                names = self._accounts.names()
                name = names.get(PrincipalId(value["id"]), "strongroom")
                return f"{name} (number {value['id']}, {value['kind']}, by {value['auth']})"
            case "obj":
                return f"{value['kind'].replace('_', ' ')} {value['ref']}"
            case "seller":
                return f"{self._sellers.names().get(value, 'one that is gone')} (number {value})"
            case _:
                return _plain(value)


def _plain(value: Any) -> str:  # noqa: ANN401 - a member of an entry
    if isinstance(value, list):
        return "; ".join(_change(one) if isinstance(one, dict) else str(one) for one in value)
    return str(value["ip"] if isinstance(value, dict) else value)


def _by_name(names: Mapping[PrincipalId, str]) -> list[tuple[PrincipalId, str]]:
    """Return whom one can choose from; a home of more has them found by number, from an entry."""
    return sorted(names.items(), key=lambda one: one[1])[:_MOST_NAMES]


def _change(one: Mapping[str, str]) -> str:
    before, after = one.get("before", "nothing"), one.get("after", "nothing")
    return f"{one['field'].replace('_', ' ')} from {before} to {after}"


def _slice(found: Browsed, cursor: Cursor) -> Slice[Entry]:
    """Return the page; where looking stopped early, the way on begins there."""
    page = slice_of(found.entries, cursor, lambda entry: entry.seq)
    if found.stopped_at is None:
        return page
    at = found.stopped_at
    newer = at if cursor.forward else page.newer
    older = page.older if cursor.forward else at
    return Slice(page.rows, newer, older)


def _wanted(query: Mapping[str, str]) -> Wanted:
    until = _day(query.get("until"))
    return Wanted(
        _member(EventType, query.get("type")),
        _who(query.get("who")),
        _member(Outcome, query.get("outcome")),
        _member(ObjKind, query.get("object")),
        _day(query.get("since")),
        # The day itself is asked for, too.
        None if until is None else until + timedelta(days=1),
    )


def _member(enum: type[_M], text: str | None) -> _M | None:
    if not text:
        return None
    found = next((one for one in enum if one.value == text), None)
    if found is None:
        raise Malformed("choose from the lists")
    return found


def _who(text: str | None) -> PrincipalId | None:
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > _DIGITS:
        raise Malformed("choose a person or app from the list")
    return PrincipalId(int(text))


def _day(text: str | None) -> datetime | None:
    if not text:
        return None
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise Malformed("a day is written as 2026-03-10") from None


def _file(name: str, content: bytes) -> Answer:
    disposition = f'attachment; filename="{name}"'.encode("ascii")
    return Answer(
        200, content, "application/octet-stream", ((b"content-disposition", disposition),)
    )
