"""Makes the file that somebody gets of their own data: JSON and PDF, sealed with age as they are written [2.2].

Each record comes through the vault's door when its turn comes, and goes into the archive at once; no plaintext is in
a file. `data.json` is for machines (GDPR 20), `data.pdf` and `letter.txt` for people. What is about another person in
the same order is counted, not shown.
"""

import io
import secrets
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

import orjson

from strongroom.crypto.age import Passphrase, Recipients
from strongroom.db.engine import Database
from strongroom.errors import Gone
from strongroom.paper import Text, report
from strongroom.policy.laws import Outcome
from strongroom.policy.purposes import serves
from strongroom.subjects import store
from strongroom.subjects.letters import letter
from strongroom.subjects.requests import Requests
from strongroom.subjects.store import FoundRecord, SubjectRequest
from strongroom.terms import Caller, Category, RecordNumber
from strongroom.vault import Vault
from strongroom.vault.rights import Kept, TakenOut

FORMAT: Final = "strongroom/subject-export/v1"
_WORDS: Final = 12
_LETTERS: Final = "abcdefghjkmnpqrstuvwxyz23456789"
_GROUP: Final = 5
_ORIGIN: Final = "Amazon's Selling Partner API, of an order placed with the selling partner"
_SHORT: Final = 400


@dataclass(frozen=True, slots=True)
class Package:
    """The sealed file. `passphrase`, where it was made for one, is shown once and kept nowhere."""

    content: bytes = field(repr=False)
    records: tuple[RecordNumber, ...]
    passphrase: str | None = field(repr=False)


class Packages:
    """Makes the files of one home's requests. Thread-safe."""

    def __init__(self, database: Database, vault: Vault, requests: Requests) -> None:
        self._database = database
        self._vault = vault
        self._requests = requests

    def make(
        self,
        caller: Caller,
        number: int,
        recipient: str | None,
        now: datetime,
        *,
        req: str | None = None,
    ) -> Package:
        """Return all that is kept of who asked, sealed to their age key, or to a passphrase made for it.

        Every record is recorded before it is opened, and the file before it is returned.

        Raises:
            Malformed: that is no age recipient.
            Denied: the caller does not handle the request, nobody proved it theirs, or a grant is missing. Recorded.
            Conflict: nothing was searched for, or it asks for something else.

        """
        passphrase = None if recipient is not None else new_passphrase()
        sealer = Passphrase(passphrase or "") if recipient is None else Recipients([recipient])
        found = self._requests.begin_export(caller, number, now)
        request = self._requests.show(number).request

        taken = (self._take(caller, one, now, req) for one in found)
        target = io.BytesIO()
        sealer.seal_parts(self._parts(request, found, taken, now), target)
        records = tuple(one.record for one in found)
        content = target.getvalue()
        self._requests.end_export(
            caller,
            number,
            now,
            form="passphrase" if recipient is None else "age",
            size=len(content),
            records=records,
            req=req,
        )
        return Package(content, records, passphrase)

    # -- private ---------------------------------------------------------------------------------------------------

    def _take(self, caller: Caller, one: FoundRecord, now: datetime, req: str | None) -> TakenOut:
        try:
            return self._vault.rights.take_out(caller, one.record, one.people, now=now, req=req)
        except Gone:
            # Its day came between the decision and the opening.
            return TakenOut(one.record, one.seller, None, None, (), 0)

    def _parts(
        self,
        request: SubjectRequest,
        found: list[FoundRecord],
        taken: Iterable[TakenOut],
        now: datetime,
    ) -> Iterator[bytes]:
        """Yield the archive as it grows."""
        sink = _Sink()
        pages = _front(request, len(found), now)
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
            with archive.open(_member("data.json", now), "w", force_zip64=True) as file:
                head = orjson.dumps(_head(request, now))
                file.write(head[:-1] + b',"records":[')
                for place, one in enumerate(taken):
                    told = self._record(one)
                    file.write((b"," if place else b"") + orjson.dumps(told))
                    pages += _pages(told)
                    yield sink.drain()
                file.write(b"]}\n")
            yield sink.drain()
            archive.writestr(_member("data.pdf", now), report(pages, now).content)
            archive.writestr(_member("letter.txt", now), _letter(request, found, now))
        yield sink.drain()

    def _record(self, one: TakenOut) -> dict[str, Any]:
        with self._database.read() as tx:
            seller = store.seller_name(tx, one.seller)
            disclosed = [
                {
                    "at": told.at.isoformat(),
                    "to": store.name_of(tx, store.DESTINATION, told.destination),
                    "purpose": told.purpose,
                    "fields": told.fields,
                }
                for told in store.disclosed(tx, [one.record])
            ]
        kept = one.subject is not None
        return {
            "selling_partner": seller,
            "order": one.subject,
            "origin": _ORIGIN,
            "state": "kept" if kept else "destroyed",
            "kept_until": None
            if one.due_at is None
            else datetime.fromtimestamp(one.due_at, UTC).isoformat(),
            "retention": "until 30 days after delivery" if kept else None,
            "values": [_value(value) for value in one.values],
            "about_others_left_out": one.withheld,
            "given_to_third_parties": disclosed,
        }


def new_passphrase() -> str:
    """Return a passphrase with 118 bits, without letters that look alike."""
    made = [secrets.choice(_LETTERS) for _ in range(_WORDS * 2)]
    return "-".join("".join(made[at : at + _GROUP]) for at in range(0, len(made), _GROUP))


def _head(request: SubjectRequest, now: datetime) -> dict[str, Any]:
    law = request.law
    return {
        "format": FORMAT,
        "request": request.id,
        "asked_for": request.kind.value,
        "law": {"name": law.title, "right": law.rights[request.kind]},
        "received_at": request.received_at.isoformat(),
        "made_at": now.isoformat(),
        "your_other_rights": {kind.value: part for kind, part in law.rights.items()},
        "complaints_to": law.authority,
        "automated_decisions": "none",
    }


def _value(one: Kept) -> dict[str, Any]:
    purposes = sorted(serves(one.category, ""))
    return {
        "field": one.slot,
        "category": one.category.value,
        # Here it leaves the vault, into the sealed file.
        "value": one.value.unwrap(),
        "purposes": purposes,
        "corrected_at_your_request": one.corrected,
    }


def _front(request: SubjectRequest, records: int, now: datetime) -> list[Text]:
    law = request.law
    return [
        Text("The data we have about you", "title"),
        Text(f"Request {request.id}, received {request.received_at:%Y-%m-%d}, {law.title}"),
        Text(
            f"Made {now:%Y-%m-%d %H:%M} UTC, of {records} records. You can complain to {law.authority}."
        ),
        Text(f"Origin: {_ORIGIN}. No decision about you is made by a program alone."),
    ]


def _pages(told: dict[str, Any]) -> list[Text]:
    if told["order"] is None:
        return [
            Text(f"A record of {told['selling_partner']}", "head"),
            Text("It was destroyed; nothing of it is kept."),
        ]
    pages = [
        Text(f"Order {told['order']}, {told['selling_partner']}", "head"),
        Text(f"Kept until {told['kept_until'] or '30 days after delivery'}"),
    ]
    for value in told["values"]:
        shown = str(value["value"])
        if value["category"] == Category.DOCUMENT.value or len(shown) > _SHORT:
            shown = "(long: see data.json)"
        purposes = ", ".join(value["purposes"]) or "none"
        mark = ", corrected at your request" if value["corrected_at_your_request"] else ""
        pages.append(
            Text(f"{value['field']}: {shown} ({value['category']}; used for: {purposes}{mark})")
        )
    if told["about_others_left_out"]:
        count = told["about_others_left_out"]
        pages.append(Text(f"{count} values about another person in this order are left out."))
    for given in told["given_to_third_parties"]:
        fields = ", ".join(given["fields"])
        said = f"Given to {given['to']} on {given['at'][:10]} for {given['purpose']}: {fields}"
        pages.append(Text(said))
    return pages


def _letter(request: SubjectRequest, found: list[FoundRecord], now: datetime) -> str:
    outcome = Outcome.GRANTED if found else Outcome.NOTHING_FOUND
    return letter(
        request.id,
        request.kind,
        request.law,
        outcome,
        received_at=request.received_at,
        now=now,
        records=len(found),
        told=0,
    )


def _member(name: str, now: datetime) -> zipfile.ZipInfo:
    at = now.astimezone(UTC)
    info = zipfile.ZipInfo(name, (at.year, at.month, at.day, at.hour, at.minute, at.second))
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Sink:
    """Takes what the archive writes, and gives it away."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._parts.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing waits here."""

    def drain(self) -> bytes:
        parts, self._parts = b"".join(self._parts), []
        return parts
