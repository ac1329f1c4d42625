"""Addresses of documents: Amazon's never reach an app, ours stand in their place for five minutes.

Ours is a sealed ticket that holds Amazon's, bound to the app, its selling partner and the document. It is a bearer
secret like Amazon's own, and opens nothing once the app's authorization ends. Never logged.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final

from strongroom.audit.entry import Reason
from strongroom.crypto.ticket import TicketBox, TicketKind
from strongroom.errors import Unauthenticated
from strongroom.gateway.answers import Refusal, denied, upstream_failed
from strongroom.gateway.documents.whole import document_id
from strongroom.gateway.extraction import Cursor, Extraction, Json
from strongroom.gateway.facts import seconds
from strongroom.gateway.outgoing import Asking
from strongroom.policy.catalogue.reports import DATA_KIOSK, FEED_RESULT
from strongroom.terms import Environment, PrincipalId, SellerId
from strongroom.vault import DocumentStore, KnownDocument, SeenDocument

LINK_PATH: Final = "/documents/"
LINK_LIFETIME: Final = timedelta(minutes=5)
"""As Amazon's own."""

_TYPE: Final = re.compile(r"[A-Z0-9_]{1,100}").fullmatch
_DOCUMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,200}").fullmatch
_MAX_URL: Final = 16 * 1024
_MOST_REPORTS: Final = 100


class Way(StrEnum):
    """Which way a document goes."""

    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True)
class _Place:
    """Where an operation's answer says what about its document."""

    way: Way
    id: str = ""
    kind: str | None = None
    lines: bool = False
    whole: bool = False
    """Nothing in it can be replaced, and nothing names it but its address."""


_WHOLE: Final = _Place(Way.DOWN, whole=True)
_PLACES: Final[Mapping[str, _Place]] = {
    "reports_2021-06-30.getReportDocument": _Place(Way.DOWN, "reportDocumentId"),
    "feeds_2021-06-30.getFeedDocument": _Place(Way.DOWN, "feedDocumentId", FEED_RESULT),
    "feeds_2021-06-30.createFeedDocument": _Place(Way.UP, "feedDocumentId"),
    "dataKiosk_2023-11-15.getDocument": _Place(Way.DOWN, "documentId", DATA_KIOSK, lines=True),
    "InvoicesApiModel_2024-06-19.getInvoicesDocument": _WHOLE,
    "InvoicesApiModel_2024-06-19.getGovernmentInvoiceDocument": _WHOLE,
    "awd_2024-05-09.getInboundShipmentLabels": _WHOLE,
    "easyShip_2022-03-23.createScheduledPackageBulk": _WHOLE,
    "externalFulfillmentShipments_2024-09-11.generateShipLabels": _WHOLE,
    "fulfillmentInboundV0.getBillOfLading": _WHOLE,
    "fulfillmentInboundV0.getLabels": _WHOLE,
    "fulfillmentInbound_2024-03-20.createMarketplaceItemLabels": _WHOLE,
    "fulfillmentInbound_2024-03-20.getDeliveryChallanDocument": _WHOLE,
}
"""Operations whose links lead to documents that the gateway can read or keep; links of others end the answer."""


@dataclass(frozen=True, slots=True)
class Link:
    """What one of our addresses stands for."""

    way: Way
    url: str
    op: str
    document: str
    kind: str | None
    packed: bool
    lines: bool
    whole: bool
    made_at: int
    """In seconds; 0 where Amazon did not tell."""
    seen_at: int
    """When the document was first asked for."""
    principal: PrincipalId
    seller: SellerId
    authorization: int


class Links:
    """Makes and opens our addresses."""

    def __init__(self, store: DocumentStore, key: bytes, environment: Environment) -> None:
        self._store = store
        self._box = TicketBox(key, TicketKind.DOCUMENT, environment)

    def rewrite(self, asking: Asking, found: Extraction) -> None:
        """Put our addresses in place of Amazon's in an answer. Raises: Refusal where one can't be.

        What was done is done: the answer to it passes, without what leads to documents that can't be read.
        """
        for link in found.links:
            if asking.operation.id in _PLACES and asking.base:
                link.write(self._ours(asking, found.document, link))
            else:
                link.drop()

    def refuse_unknown(self, asking: Asking, found: Extraction) -> None:
        """End an answer to a question with a link that nothing rewrites. Raises: Refusal."""
        place, asked = _PLACES.get(asking.operation.id), asking.operation.read_only
        no_way = asked if place is None else not asking.base and (asked or not place.whole)
        if found.links and no_way:
            raise upstream_failed(
                502,
                "Amazon's answer leads to a document that Strongroom can't read.",
                Reason.UNCLASSIFIED,
            )

    def notice(self, asking: Asking, document: Json, now: datetime) -> None:
        """Remember which type of report each document of an answer is."""
        if asking.operation.model != "reports_2021-06-30" or not isinstance(document, dict):
            return
        reports = document.get("reports", [document])
        if isinstance(reports, list):
            seen = [known for report in reports[:_MOST_REPORTS] if (known := _known(report, now))]
            self._store.remember(asking.bearer.seller, seen, now)

    def open(self, path: str, now: datetime) -> Link:
        """Return what one of our addresses stands for. Raises: Refusal."""
        try:
            found = self._box.open(path.removeprefix(LINK_PATH), now)
        except Unauthenticated as exc:
            if exc.message.endswith("has expired"):
                raise denied(
                    "The document's link has expired.", Reason.EXPIRED_CREDENTIAL
                ) from None
            raise denied("The document's link is not valid.", Reason.WRONG_CREDENTIAL) from None
        return Link(
            Way(found["d"]),
            found["u"],
            found["o"],
            found["i"],
            found["k"],
            found["z"],
            found["l"],
            found.get("w", False),
            found["m"],
            found["f"],
            PrincipalId(found["p"]),
            SellerId(found["s"]),
            found["a"],
        )

    def _ours(self, asking: Asking, document: Json, link: Cursor) -> str:
        place = _PLACES[asking.operation.id]
        id_, packing = document.get(place.id), document.get("compressionAlgorithm")
        if place.whole:
            id_, packing = document_id(link.value), None
        if not isinstance(id_, str) or not _DOCUMENT(id_) or len(link.value) > _MAX_URL:
            raise _unreadable()
        if packing not in (None, "GZIP"):
            raise _unreadable()
        seen = SeenDocument(asking.now)
        if place.way is Way.DOWN:
            seen = self._store.see(asking.bearer.seller, id_, asking.now)
        ticket = self._box.seal(
            {
                "d": place.way,
                "u": link.value,
                "o": asking.operation.id,
                "i": id_,
                "k": place.kind or seen.report_type,
                "z": packing is not None,
                "l": place.lines,
                "w": place.whole,
                "m": int(seen.made_at.timestamp()) if seen.made_at else 0,
                "f": int(seen.first_seen_at.timestamp()),
                "p": asking.bearer.caller.principal,
                "s": asking.bearer.seller,
                "a": asking.bearer.authorization,
            },
            expires_at=asking.now + LINK_LIFETIME,
        )
        return f"{asking.base}{LINK_PATH}{ticket}"


def _known(report: Any, now: datetime) -> KnownDocument | None:  # noqa: ANN401 - any JSON
    if not isinstance(report, dict):
        return None
    id_, type_ = report.get("reportDocumentId"), report.get("reportType")
    if not (isinstance(id_, str) and isinstance(type_, str) and _DOCUMENT(id_) and _TYPE(type_)):
        return None
    made = seconds(report.get("createdTime"))
    made_at = min(datetime.fromtimestamp(made, UTC), now) if made else None
    return KnownDocument(id_, type_, made_at)


def _unreadable() -> Refusal:
    return upstream_failed(
        502, "Amazon's answer names no document that can be read.", Reason.MALFORMED_UPSTREAM
    )
