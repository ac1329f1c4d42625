"""What a request of the API may say, and what it is answered: the whole of `/openapi.json`'s schemas.

Unknown fields are refused and no error repeats a value. Identifiers travel in bodies, not in URLs, which proxies log.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, Strict, StringConstraints

from strongroom.paper import MOST_LINES
from strongroom.terms import Category, Purpose

MAX_BATCH = 100
MAX_PAGE = 100

Token = Annotated[
    str,
    StringConstraints(min_length=1, max_length=64),
    Field(description="A token as the gateway put it in a value's place, also as e-mail or IP."),
]
Reason = Annotated[
    str,
    StringConstraints(min_length=3, max_length=200, pattern=r"[A-Za-z0-9]"),
    Field(description="Why now, in a few words. Kept as a keyed HMAC, never as text [2.6]."),
]
SellerName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")]
OrderId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,64}$")]
Why = Annotated[Purpose, Field(description="What the data is wanted for [2.1].")]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class RevealRequest(_Model):
    """One token to be opened."""

    token: Token
    purpose: Why
    reason: Reason


class BatchRequest(_Model):
    """Up to a hundred tokens to be opened, each decided and recorded by itself."""

    tokens: Annotated[list[Token], Field(min_length=1, max_length=MAX_BATCH)]
    purpose: Why
    reason: Reason


class OrderRequest(_Model):
    """An order whose values are wanted: all that the caller's grants cover, or some categories."""

    order: OrderId
    seller: SellerName
    categories: Annotated[list[Category], Field(min_length=1, max_length=len(Category))] = Field(
        default_factory=lambda: list(Category),
        description="Only these; then every one of them must be granted.",
    )
    purpose: Why
    reason: Reason


class SearchRequest(_Model):
    """What to look for. The value is in the body and never in a URL."""

    by: Literal["email", "phone", "order"]
    value: Annotated[str, StringConstraints(min_length=1, max_length=320)]
    sellers: Annotated[list[SellerName], Field(min_length=1, max_length=50)] | None = None
    purpose: Why
    reason: Reason
    limit: Annotated[int, Strict(), Field(ge=1, le=MAX_PAGE)] = 25
    cursor: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None


class PrintRequest(_Model):
    """A document that a token stands for."""

    token: Token
    purpose: Why
    reason: Reason


class SlipLine(_Model):
    """One item of an order: what is not personal, the caller says."""

    item: Annotated[
        str,
        StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$"),
        Field(description="Amazon's id of the item; its gift message is found by it."),
    ]
    sku: Annotated[str, StringConstraints(min_length=1, max_length=60)]
    quantity: Annotated[int, Strict(), Field(ge=1, le=1_000_000)]
    title: Annotated[str, StringConstraints(max_length=300)] = ""


class SlipRequest(_Model):
    """A packing slip for an order, for fulfilment."""

    order: OrderId
    seller: SellerName
    lines: Annotated[list[SlipLine], Field(min_length=1, max_length=MOST_LINES)]
    ordered_on: date | None = None
    gift_messages: Annotated[bool, Strict()] = True
    size: Literal["a4", "letter", "a6", "4x6"] = "a4"
    reason: Reason


class LabelRequest(_Model):
    """An address label for an order, for fulfilment."""

    order: OrderId
    seller: SellerName
    size: Literal["a4", "letter", "a6", "4x6"] = "4x6"
    reason: Reason


class Value(_Model):
    """One value that left the vault."""

    token: str
    slot: str
    category: Category
    seller: str
    record: int
    value: str | int | float | bool


class FieldError(_Model):
    """Where a request is wrong, and how; never what was there."""

    path: str
    kind: str


class ProblemDocument(BaseModel):
    """RFC 9457."""

    type: str
    title: str
    status: int
    detail: str
    reason: str | None = None
    errors: list[FieldError] | None = None


class Opened(_Model):
    """One token of a batch: its value, or why there is none."""

    token: str
    value: Value | None = None
    problem: ProblemDocument | None = None


class BatchAnswer(_Model):
    """Outcomes in the order of the request."""

    results: list[Opened]


class OrderAnswer(_Model):
    """The values of one order."""

    values: list[Value]


class FoundRecord(_Model):
    """One record: tokens by the names of their slots."""

    record: int
    seller: str
    state: Literal["live", "gone", "erased"]
    order: str | None
    tokens: dict[str, str]


class SearchAnswer(_Model):
    """One page; `cursor` asks for the next one, null after the last."""

    records: list[FoundRecord]
    cursor: str | None


class RecordAnswer(_Model):
    """A record without its values; `due_at` is null while its delivery is unknown."""

    record: int
    seller: str
    state: Literal["live", "gone", "erased"]
    due_at: str | None
    tokens: dict[str, str]


class GrantAnswer(_Model):
    """One grant of the caller's."""

    id: int
    action: str
    purpose: Purpose
    categories: list[Category]
    sellers: list[str] | None
    state: Literal["pending", "active", "suspended", "expired", "ended", "rejected", "revoked"]
    expires_at: str


class GrantsAnswer(_Model):
    """Every grant of the caller's, oldest first; `sellers` null means all."""

    grants: list[GrantAnswer]


class TokenAnswer(_Model):
    """RFC 6749, section 5.1."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class TokenError(_Model):
    """RFC 6749, section 5.2."""

    error: str


class ShownCertificate(_Model):
    """The client certificate that the request came with; the thumbprint is SHA-256, in hexadecimal."""

    thumbprint: str
    ends_at: str


class PrincipalAnswer(_Model):
    """Who the caller is to us, and how it proved that."""

    id: int
    name: str
    kind: Literal["app", "node"]
    owner: str | None
    auth: Literal["access_token", "certificate"]
    certificate: ShownCertificate | None


class HealthAnswer(_Model):
    """The listener answers."""

    status: Literal["ok"]


FIELD_NAMES = frozenset[str]().union(
    *(
        model.model_fields
        for model in (
            RevealRequest,
            BatchRequest,
            OrderRequest,
            SearchRequest,
            SlipRequest,
            SlipLine,
            LabelRequest,
        )
    ),
    ("number",),
)
"""The names a problem may tell: ours."""
