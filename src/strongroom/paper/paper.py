"""Reveals what is printed, draws it, and records how many pages it had before it leaves [2.3, 2.6]."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from threading import BoundedSemaphore
from types import ModuleType
from typing import Final

from strongroom.audit.entry import Event, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.log import AuditLog
from strongroom.errors import Malformed, NotFound, StrongroomError, Unavailable
from strongroom.paper.addresses import lines_of
from strongroom.paper.forms import File, file_of
from strongroom.paper.sheets import SIZES, Drawn, Line, Text
from strongroom.policy.grants import DenyReason
from strongroom.terms import Caller, Category, Purpose, RecordNumber, SellerId
from strongroom.vault import Revealed, Vault

MOST_LINES: Final = 500
MOST_AT_ONCE: Final = 2
"""Pages being drawn: one with letters of the East takes a second of a core."""

_ADDRESS: Final = frozenset({Category.NAME, Category.ADDRESS})
_PDF: Final = "application/pdf"


@dataclass(frozen=True, slots=True)
class Printed:
    """One document that may leave now: its event is durable. Prints without its content."""

    file: File
    record: RecordNumber
    marks: int = 0
    """Letters that could not be printed."""


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for paper, when, and how the log names the request and its reason."""

    caller: Caller
    now: datetime
    req: str | None = None
    why: str | None = None
    src_ip: str | None = field(default=None)


class Paper:
    """Everything of one home that is made for a printer. Thread-safe."""

    def __init__(self, vault: Vault, audit: AuditLog, *, at_once: int = MOST_AT_ONCE) -> None:
        self._vault = vault
        self._audit = audit
        self._places = BoundedSemaphore(at_once)

    def document(self, ask: Ask, token: str, purpose: Purpose) -> Printed:
        """Return the label, invoice or slip that a token stands for, as Amazon made it.

        Raises:
            Malformed: it is no token, or what it stands for does not unpack.
            Denied: no grant covers it, or it stands for something else than a document. Recorded.
            Gone, NotFound: as `Vault.reveal`.

        """
        revealed = self._vault.reveal(
            ask.caller,
            token,
            purpose=purpose,
            now=ask.now,
            refuses=_no_document,
            req=ask.req,
            why=ask.why,
        )
        file = file_of(revealed.value.unwrap())
        self._record(ask, "paper.document", file, revealed.record, revealed.seller, purpose)
        return Printed(file, revealed.record)

    def slip(
        self,
        ask: Ask,
        seller: SellerId,
        order: str,
        *,
        lines: Sequence[tuple[str, Line]],
        ordered_on: date | None = None,
        gift_messages: bool = True,
        size: str = "a4",
    ) -> Printed:
        """Return a packing slip; `lines` are the order's items with their ids, which the vault does not keep.

        Raises:
            Malformed: there are no lines, too many, or more pages than anybody prints.
            Denied: no grant for fulfilment covers name and address, and gift messages where they are wanted. Recorded.
            Gone, NotFound: as `Vault.reveal_order`; also where no view ever showed an address.
            Unavailable: too many pages are being drawn; nothing was opened.

        """
        if not 0 < len(lines) <= MOST_LINES:
            raise Malformed(f"a packing slip has 1 to {MOST_LINES} lines")
        wanted = _ADDRESS | {Category.FREE_TEXT} if gift_messages else _ADDRESS
        day = None if ordered_on is None else ordered_on.isoformat()
        with self._place(size):
            found = self._revealed(ask, seller, order, wanted)
            values = _texts(found)
            address = _address(values)
            complete = [
                replace(line, gift_message=values.get(f"item:{item}.gift_message", ""))
                if gift_messages
                else line
                for item, line in lines
            ]
            drawn = _drawn(
                lambda pages: pages.draw_slip(size, order, day, address, complete, ask.now)
            )
        return self._printed(ask, "paper.slip", drawn, found[0])

    def label(self, ask: Ask, seller: SellerId, order: str, *, size: str = "4x6") -> Printed:
        """Return an address label of an order, with the sender where a view showed it. Raises: as `slip`."""
        with self._place(size):
            found = self._revealed(ask, seller, order, _ADDRESS)
            values = _texts(found)
            address, sender = _address(values), lines_of(values, "ship_from")
            drawn = _drawn(lambda pages: pages.draw_label(size, order, sender, address, ask.now))
        return self._printed(ask, "paper.label", drawn, found[0])

    # -- private --

    @contextmanager
    def _place(self, size: str) -> Iterator[None]:
        """Hold a place to draw, before anything is opened. Raises: Malformed, Unavailable."""
        if size not in SIZES:
            raise Malformed("no such size of paper", hint=f"one of {', '.join(SIZES)}")
        if not self._places.acquire(blocking=False):
            raise Unavailable("too many pages are being drawn", hint="ask again in a second")
        try:
            yield
        finally:
            self._places.release()

    def _revealed(
        self, ask: Ask, seller: SellerId, order: str, categories: frozenset[Category]
    ) -> list[Revealed]:
        found = self._vault.reveal_order(
            ask.caller,
            seller,
            order,
            purpose=Purpose.FULFILMENT,
            now=ask.now,
            categories=categories,
            req=ask.req,
            why=ask.why,
        )
        if not found:
            raise NotFound("no view has shown an address of this order")
        return found

    def _printed(self, ask: Ask, op: str, drawn: Drawn, one: Revealed) -> Printed:
        file = File(drawn.content, _PDF, "pdf", drawn.pages)
        self._record(ask, op, file, one.record, one.seller, Purpose.FULFILMENT)
        return Printed(file, one.record, drawn.marks)

    def _record(
        self,
        ask: Ask,
        op: str,
        file: File,
        record: RecordNumber,
        seller: SellerId,
        purpose: Purpose,
    ) -> None:
        event = Event(
            EventType.PAPER_PRINTED,
            Outcome.SUCCESS,
            ask.caller,
            obj_kind=ObjKind.RECORD,
            obj_ref=str(record),
            op=op,
            purpose=purpose,
            n=file.pages,
            bytes_=len(file.content),
            seller=seller,
            req=ask.req,
            src_ip=ask.src_ip,
        )
        self._audit.record(event, now=ask.now)


def report(texts: Sequence[Text], now: datetime) -> Drawn:
    """Return paragraphs as a PDF, drawn in memory. Raises: Malformed where they are too many; Unavailable."""
    return _drawn(lambda pages: pages.draw_report(texts, now))


def _no_document(_seller: SellerId, category: Category) -> DenyReason | None:
    return None if category is Category.DOCUMENT else DenyReason.WRONG_CATEGORY


def _texts(found: Sequence[Revealed]) -> dict[str, str]:
    return {one.slot: str(one.value.unwrap()) for one in found}


def _address(values: dict[str, str]) -> list[str]:
    lines = lines_of(values, "recipient")
    if not lines:
        raise NotFound("no view has shown an address of this order")
    return lines


def _drawn(draw: Callable[[ModuleType], Drawn]) -> Drawn:
    """Draw; what goes wrong in it may say what was drawn, and does not get out."""
    # Only here: loading the library takes half a second, which every command would wait for.
    from strongroom.paper import pages  # noqa: PLC0415

    try:
        return draw(pages)
    except StrongroomError:
        raise
    except Exception:  # noqa: BLE001 - whatever it is, its message may hold an address
        raise Unavailable("the page could not be drawn") from None
