"""What a simulator is told and what it reports: settings, seller accounts, faults, requests.

Everything synthetic (client secrets, refresh tokens, orders) follows from the seed, so two
simulators with one configuration and one clock tell the same story.
"""

from __future__ import annotations

import dataclasses
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Literal

MARKETPLACE_US = "ATVPDKIKX0DER"
MARKETPLACE_DE = "A1PA6795UKMFR9"
MARKETPLACE_JP = "A1VC38T7YXB528"
ALL_MARKETPLACES = (MARKETPLACE_US, MARKETPLACE_DE, MARKETPLACE_JP)

CertificateKind = Literal["good", "wrong_host", "expired", "other_ca", "self_signed"]


class Role(StrEnum):
    """The restricted SP-API roles that decide which personal data an application gets."""

    DIRECT_TO_CONSUMER_SHIPPING = "direct_to_consumer_shipping"
    TAX_INVOICING = "tax_invoicing"
    TAX_REMITTANCE = "tax_remittance"


class FaultKind(StrEnum):
    """What can be made to go wrong with an answer."""

    ERROR = "error"  # an Amazon error body with `status`, `code`, `message`, `details`
    ECHO_PII = "echo_pii"  # an error whose message and details repeat an order's personal data
    THROTTLED = "throttled"  # 429, whatever the usage plan says
    RESET = "reset"  # the connection is reset before any header
    RESET_MID_BODY = "reset_mid_body"  # reset after half of the body
    SLOW = "slow"  # the answer starts after `seconds`
    DRIP = "drip"  # the body is spread over `seconds`
    TRUNCATED = "truncated"  # valid HTTP, JSON cut in half
    INVALID_UTF8 = "invalid_utf8"  # a byte inside a string that no UTF-8 text has
    WRONG_CONTENT_TYPE = "wrong_content_type"  # right body, `content_type` or text/plain
    HTML = "html"  # a proxy's error page with status 200 or `status`
    WRONG_TYPES = "wrong_types"  # strings become objects, objects become strings
    DEEP = "deep"  # an extra member nested `depth` levels
    HUGE = "huge"  # an extra member that makes the body `size_bytes` long
    UNKNOWN_PII = "unknown_pii"  # personal data under keys no model has
    BODY = "body"  # exactly `body` with `status` and `content_type`


def utc_now() -> datetime:
    """Return the present instant; the default clock of a simulator run by hand."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class SellerAccount:
    """A selling partner that authorised one application; empty fields follow from the seed.

    Two accounts may share `client_id` and `client_secret`: one application, many sellers.
    """

    name: str
    selling_partner_id: str = ""
    client_id: str = ""
    client_secret: str = ""
    refresh_token: str = ""
    marketplace_ids: tuple[str, ...] = ALL_MARKETPLACES
    roles: frozenset[str] = frozenset(Role)


@dataclass(frozen=True, slots=True)
class SimulatorConfig:
    """Settings of one simulator; `orders` is the total over all sellers."""

    orders: int = 500
    seed: int = 1
    port: int = 0
    host: str = "127.0.0.1"
    clock: Callable[[], datetime] = utc_now
    markers: bool = False
    throttle: Literal["real", "off"] | float = "off"
    sellers: tuple[SellerAccount, ...] = (SellerAccount("demo-seller"),)
    directory: Path | None = None
    certificate: CertificateKind = "good"
    capture: int = 10_000  # how many received requests are remembered


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault and whom it hits; `None` for operation or seller means all of them.

    `operation` is an operation id (`getOrder` hits both Orders versions), or one qualified by
    its model (`ordersV0.getOrder`, `orders_2026-01-01.getOrder`, `lwa.token`). `count` is how
    many answers are hit before the fault ends by itself.
    """

    kind: FaultKind | str
    operation: str | None = None
    seller: str | None = None
    count: int | None = None
    status: int | None = None
    code: str = ""
    message: str = ""
    details: str = ""
    seconds: float = 0.0
    body: bytes = b""
    content_type: str = ""
    text: str = ""  # the value UNKNOWN_PII plants; empty: a fresh marker
    depth: int = 100_000
    size_bytes: int = 50 * 1024 * 1024

    def __post_init__(self) -> None:
        """Turn a kind given as text into the enumeration. Raises: ValueError."""
        object.__setattr__(self, "kind", FaultKind(self.kind))


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """One request as it reached the simulator; `seller` is empty when the token named none."""

    method: str
    path: str
    query: str
    seller: str
    operation: str
    at: datetime
    headers: Mapping[str, str]
    body: bytes
    status: int


def complete_accounts(sellers: tuple[SellerAccount, ...], seed: int) -> tuple[SellerAccount, ...]:
    """Return the accounts with every empty credential filled in from the seed."""
    return tuple(_complete(account, seed) for account in sellers)


def random_text(rng: random.Random, length: int, alphabet: str) -> str:
    """Return `length` characters of the alphabet."""
    return "".join(rng.choices(alphabet, k=length))


def _complete(account: SellerAccount, seed: int) -> SellerAccount:
    rng = random.Random(f"{seed}/account/{account.name}")  # noqa: S311 - synthetic data
    alphanumeric = string.ascii_letters + string.digits
    partner = "A" + random_text(rng, 13, string.ascii_uppercase + string.digits)
    client = "amzn1.application-oa2-client." + random_text(rng, 32, "0123456789abcdef")
    secret = "amzn1.oa2-cs.v1." + random_text(rng, 64, "0123456789abcdef")
    refresh = "Atzr|" + random_text(rng, 220, alphanumeric + "-_")
    return dataclasses.replace(
        account,
        selling_partner_id=account.selling_partner_id or partner,
        client_id=account.client_id or client,
        client_secret=account.client_secret or secret,
        refresh_token=account.refresh_token or refresh,
    )
