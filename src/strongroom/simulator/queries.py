"""Reads list parameters as Amazon does and cuts lists into pages with sealed page tokens."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from strongroom.simulator.book import Position, SortKey
from strongroom.simulator.errors import invalid_input
from strongroom.simulator.operations import Operation

MOST_PER_PAGE = 100
# Amazon's lists always end two minutes before the request.
SETTLING = timedelta(minutes=2)
TOKEN_LIFETIME = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What a list request asks for, page position included."""

    key: SortKey
    after: datetime
    before: datetime
    filters: Mapping[str, frozenset[str]]
    per_page: int
    beyond: Position | None
    canonical: Mapping[str, str]  # the parameters a page token is bound to


@dataclass(frozen=True, slots=True)
class Dialect:
    """How one version of the Orders API names the parameters of its list."""

    created_after: str
    created_before: str
    updated_after: str
    updated_before: str
    per_page: str
    page_token: str
    lists: Mapping[str, frozenset[str] | None]  # list parameter -> allowed values, None: any
    most: Mapping[str, int]
    required: frozenset[str]
    texts: frozenset[str]
    changeable: frozenset[str]  # may differ from page to page
    # A parameter and those that must not come with it.
    excludes: Mapping[str, frozenset[str]]
    instead_of_dates: frozenset[str]

    @property
    def instants(self) -> tuple[str, str, str, str]:
        """Return the names of the four date parameters."""
        return (self.created_after, self.created_before, self.updated_after, self.updated_before)


_UPDATED_V0: Final = frozenset({"LastUpdatedAfter", "LastUpdatedBefore"})
V0 = Dialect(
    "CreatedAfter",
    "CreatedBefore",
    "LastUpdatedAfter",
    "LastUpdatedBefore",
    per_page="MaxResultsPerPage",
    page_token="NextToken",  # noqa: S106 - the parameter's name
    lists={
        "MarketplaceIds": None,
        "OrderStatuses": frozenset(
            {
                "PendingAvailability",
                "Pending",
                "Unshipped",
                "PartiallyShipped",
                "Shipped",
                "InvoiceUnconfirmed",
                "Canceled",
                "Unfulfillable",
            }
        ),
        "FulfillmentChannels": frozenset({"AFN", "MFN"}),
        "PaymentMethods": frozenset({"COD", "CVS", "Other"}),
        "AmazonOrderIds": None,
    },
    most={"MarketplaceIds": 50, "AmazonOrderIds": 50},
    required=frozenset({"MarketplaceIds"}),
    texts=frozenset({"BuyerEmail", "SellerOrderId"}),
    changeable=frozenset(),
    excludes={
        "CreatedAfter": _UPDATED_V0,
        "LastUpdatedAfter": frozenset({"CreatedAfter", "CreatedBefore"}),
        "BuyerEmail": _UPDATED_V0
        | {"FulfillmentChannels", "OrderStatuses", "PaymentMethods", "SellerOrderId"},
        "SellerOrderId": _UPDATED_V0
        | {"FulfillmentChannels", "OrderStatuses", "PaymentMethods", "BuyerEmail"},
    },
    instead_of_dates=frozenset({"AmazonOrderIds", "SellerOrderId", "BuyerEmail"}),
)
V2026 = Dialect(
    "createdAfter",
    "createdBefore",
    "lastUpdatedAfter",
    "lastUpdatedBefore",
    per_page="maxResultsPerPage",
    page_token="paginationToken",  # noqa: S106 - the parameter's name
    lists={
        "marketplaceIds": None,
        "fulfillmentStatuses": frozenset(
            {
                "PENDING_AVAILABILITY",
                "PENDING",
                "UNSHIPPED",
                "PARTIALLY_SHIPPED",
                "SHIPPED",
                "CANCELLED",
                "UNFULFILLABLE",
            }
        ),
        "fulfilledBy": frozenset({"MERCHANT", "AMAZON"}),
    },
    most={"marketplaceIds": 50},
    required=frozenset(),
    texts=frozenset(),
    changeable=frozenset({"includedData", "maxResultsPerPage"}),
    excludes={
        "createdAfter": frozenset({"lastUpdatedAfter", "lastUpdatedBefore"}),
        "lastUpdatedAfter": frozenset({"createdAfter", "createdBefore"}),
    },
    instead_of_dates=frozenset(),
)


class PageTokens:
    """Seals and opens page tokens; a token holds for one operation, seller and query."""

    def __init__(self, seed: int, clock: Callable[[], datetime]) -> None:
        """Seal under a key that follows from the seed."""
        self._key = hashlib.sha256(f"{seed}/pages".encode()).digest()
        self._clock = clock

    def seal(self, operation: Operation, seller: str, content: Mapping[str, object]) -> str:
        """Return the token that leads to the next page."""
        issued = self._clock().timestamp()
        body = json.dumps([operation.id, seller, issued, content], sort_keys=True).encode()
        return base64.b64encode(self._mac(body) + body).decode()

    def open(self, operation: Operation, seller: str, token: str) -> dict[str, object]:
        """Return what was sealed. Raises: SpApiError 400 for any other token, or after 24 hours."""
        try:
            raw = base64.b64decode(token, validate=True)
        except (binascii.Error, ValueError) as exc:
            raise invalid_input("Invalid NextToken") from exc
        mac, body = raw[:16], raw[16:]
        if not hmac.compare_digest(mac, self._mac(body)):
            raise invalid_input("Invalid NextToken")
        found_operation, found_seller, issued, content = json.loads(body)
        expired = self._clock().timestamp() - issued > TOKEN_LIFETIME.total_seconds()
        if (
            (found_operation, found_seller) != (operation.id, seller)
            or expired
            or not isinstance(content, dict)
        ):
            raise invalid_input("Invalid NextToken")
        return content

    def _mac(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, "sha256")[:16]


def comma_separated(value: str) -> frozenset[str]:
    """Return the members of a list parameter."""
    return frozenset(part for part in value.split(",") if part)


def parse_list_query(
    dialect: Dialect, given: Mapping[str, str], position: Mapping[str, object] | None, now: datetime
) -> ListQuery:
    """Return the query of a list request; `position` is its opened page token.

    Raises: SpApiError 400.
    """
    bound = {
        name: value
        for name, value in given.items()
        if name in {*dialect.instants, *dialect.lists, *dialect.texts, dialect.per_page} and value
    }
    fixed = {name: value for name, value in bound.items() if name not in dialect.changeable}
    beyond = None
    before_default = now - SETTLING
    _check_required(dialect, bound)
    if position is not None:
        original = position["query"]
        if not isinstance(original, dict) or any(original.get(k) != v for k, v in fixed.items()):
            raise invalid_input(
                "The request parameters differ from those the page token was made for"
            )
        beyond = (_from_epoch(position["instant"]), str(position["order_id"]))
        before_default = _from_epoch(position["before"])
        bound = {**original, **bound}
    _check_combinations(dialect, bound)

    lists = {
        name: _read_list(dialect, name, bound[name]) for name in dialect.lists if name in bound
    }
    texts = {name: frozenset({bound[name]}) for name in dialect.texts if name in bound}
    key: SortKey = "updated" if dialect.updated_after in bound else "created"
    names = (dialect.updated_after, dialect.updated_before)
    if key == "created":
        names = (dialect.created_after, dialect.created_before)
    after = _read_instant(bound, names[0]) or datetime.min.replace(tzinfo=UTC)
    before = _read_instant(bound, names[1])
    if before is not None and not after <= before <= now - SETTLING:
        raise invalid_input(
            f"{names[1]} must not be before {names[0]} nor later than two minutes ago"
        )
    return ListQuery(
        key=key,
        after=after,
        before=before or before_default,
        filters={**lists, **texts},
        per_page=_read_count(bound, dialect.per_page),
        beyond=beyond,
        canonical={name: value for name, value in bound.items() if name not in dialect.changeable},
    )


def _check_required(dialect: Dialect, bound: Mapping[str, str]) -> None:
    for name in dialect.required - bound.keys():
        raise invalid_input(f"{name} is required")


def _check_combinations(dialect: Dialect, bound: Mapping[str, str]) -> None:
    for name, barred in dialect.excludes.items():
        if name in bound and barred & bound.keys():
            raise invalid_input(
                f"{name} can not be combined with {', '.join(sorted(barred & bound.keys()))}"
            )
    dated = dialect.created_after in bound or dialect.updated_after in bound
    if not dated and not dialect.instead_of_dates & bound.keys():
        raise invalid_input(
            f"Either {dialect.created_after} or {dialect.updated_after} must be specified"
        )


def _read_list(dialect: Dialect, name: str, value: str) -> frozenset[str]:
    members = comma_separated(value)
    allowed = dialect.lists[name]
    if allowed is not None and not members <= allowed:
        raise invalid_input(f"Invalid value in {name}")
    if len(members) > dialect.most.get(name, len(members)):
        raise invalid_input(f"{name} takes at most {dialect.most[name]} values")
    return members


def _read_instant(bound: Mapping[str, str], name: str) -> datetime | None:
    value = bound.get(name)
    if value is None:
        return None
    try:
        instant = datetime.fromisoformat(value)
    except ValueError as exc:
        raise invalid_input(f"Invalid {name}: not an ISO 8601 date") from exc
    return instant if instant.tzinfo else instant.replace(tzinfo=UTC)


def _read_count(bound: Mapping[str, str], name: str) -> int:
    value = bound.get(name, str(MOST_PER_PAGE))
    if not value.isascii() or not value.isdigit() or not 1 <= int(value) <= MOST_PER_PAGE:
        raise invalid_input(f"Invalid {name}: must be between 1 and {MOST_PER_PAGE}")
    return int(value)


def _from_epoch(value: object) -> datetime:
    return datetime.fromtimestamp(float(str(value)), UTC)
