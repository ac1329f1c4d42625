"""The events Strongroom records, and the canonical bytes of one: a leaf of the tree [2.6].

The catalogue is closed and no field takes free text: a string is a member of an enumeration, an
identifier of bounded form, or a keyed HMAC, so that personal data cannot enter the log by accident.
The bytes follow RFC 8785; docs/formats/audit-log.md gives them field by field.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import orjson

from strongroom.audit.event_types import EventType
from strongroom.errors import Malformed
from strongroom.terms import AuthMethod, Caller, Category, PrincipalKind, Purpose, SellerId

VERSION: Final = 1
MAX_BYTES: Final = 4096
MAX_RECORDS: Final = 120
MAX_CHANGES: Final = 16
ENTROPY_BYTES: Final = 26
"""Random bytes one entry uses up: ten in its id, sixteen as its salt."""

_ID: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,64}", re.ASCII)
_OP: Final = re.compile(r"[A-Za-z0-9_.:/-]{1,96}", re.ASCII)
_HMAC: Final = re.compile(r"[0-9a-f]{32}(?:[0-9a-f]{32})?", re.ASCII)
_MAX_INTEGER: Final = 2**53 - 1  # RFC 8785 numbers are IEEE 754 doubles
_MAX_RECORD: Final = 2**40 - 1
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_PLAIN: Final = (
    ("op", "op"),
    ("n", "n"),
    ("bytes", "bytes_"),
    ("dec", "decision"),
    ("req", "req"),
    ("seller", "seller"),
)
"""Members of the entry that stand there as they are in the event."""


class Outcome(StrEnum):
    """How it ended: `denied` by a decision, `failure` of a proof, `error` here or upstream."""

    SUCCESS = "success"
    FAILURE = "failure"
    DENIED = "denied"
    ERROR = "error"


class Reason(StrEnum):
    """Why it did not simply succeed."""

    NO_GRANT = "no_grant"
    GRANT_EXPIRED = "grant_expired"
    GRANT_PENDING = "grant_pending"
    GRANT_SUSPENDED = "grant_suspended"
    BUDGET_SPENT = "budget_spent"
    RESTRICTED = "restricted"
    UNVERIFIED = "unverified"
    PRINCIPAL_ENDED = "principal_ended"
    SELF_REVIEW = "self_review"
    REVIEW_OVERDUE = "review_overdue"
    NOT_AUTHORIZED = "not_authorized"
    WRONG_ACTION = "wrong_action"
    WRONG_PURPOSE = "wrong_purpose"
    WRONG_CATEGORY = "wrong_category"
    WRONG_SELLER = "wrong_seller"
    UNKNOWN_TOKEN = "unknown_token"  # noqa: S105 - a name
    FORGED_TOKEN = "forged_token"  # noqa: S105 - a name
    FOREIGN_ENVIRONMENT = "foreign_environment"
    PAST_DUE = "past_due"
    ERASED = "erased"
    NOT_FOUND = "not_found"
    TAMPERED = "tampered"
    UNKNOWN_OPERATION = "unknown_operation"
    UNCLASSIFIED = "unclassified"
    WRONG_PATH = "wrong_path"
    MALFORMED_REQUEST = "malformed_request"
    WRONG_CREDENTIAL = "wrong_credential"
    EXPIRED_CREDENTIAL = "expired_credential"
    REVOKED = "revoked"
    WRONG_ENVIRONMENT = "wrong_environment"
    WRONG_PASSPHRASE = "wrong_passphrase"  # noqa: S105 - a name
    MISCONFIGURED = "misconfigured"
    MALFORMED_UPSTREAM = "malformed_upstream"
    UPSTREAM_ERROR = "upstream_error"
    UPSTREAM_TLS = "upstream_tls"
    UPSTREAM_TIMEOUT = "upstream_timeout"
    WRONG_FACTOR = "wrong_factor"
    REPLAYED = "replayed"
    LOCKED = "locked"
    TOO_MANY_FAILURES = "too_many_failures"
    SPRAYING = "spraying"
    IMPOSSIBLE_CONCURRENCY = "impossible_concurrency"
    FACTOR_FATIGUE = "factor_fatigue"
    WRONG_NETWORK = "wrong_network"
    WRONG_DEVICE = "wrong_device"
    CROSS_SITE = "cross_site"
    IDLE = "idle"
    TOO_OLD = "too_old"
    SIGNED_OUT = "signed_out"
    NOT_PROVED_LATELY = "not_proved_lately"
    RATE_LIMITED = "rate_limited"
    VOLUME_LIMITED = "volume_limited"
    UNSEALED = "unsealed"
    SUSPENDED = "suspended"
    UNREACHABLE = "unreachable"
    FORKED = "forked"
    ROLLED_BACK = "rolled_back"
    SILENT = "silent"
    CLOCK_JUMP = "clock_jump"
    UNREACHED_QUORUM = "unreached_quorum"
    CANARY = "canary"
    UNUSUAL = "unusual"
    UNRECONCILED = "unreconciled"
    OVERDUE = "overdue"
    HELD = "held"
    TOO_EARLY = "too_early"
    CONFLICT = "conflict"
    UNAVAILABLE = "unavailable"
    INTERNAL = "internal"


class ObjKind(StrEnum):
    """What an event's object reference names."""

    TOKEN = "token"  # noqa: S105 - a name
    RECORD = "record"
    ORDER = "order"
    SELLER = "seller"
    PRINCIPAL = "principal"
    CREDENTIAL = "credential"
    AUTHORIZATION = "authorization"
    GRANT = "grant"
    ROLE = "role"
    REVIEW = "review"
    REQUEST = "request"
    PERIOD = "period"
    KEY = "key"
    OPERATION = "operation"
    SESSION = "session"
    DEVICE = "device"
    FACTOR = "factor"
    LINK = "link"
    CONSENT = "consent"
    LOCK = "lock"
    NETWORK = "network"
    CERTIFICATE = "certificate"
    SECRET = "secret"  # noqa: S105 - a name
    SETTING = "setting"
    HOME = "home"
    LOG = "log"
    EVENT = "event"
    WITNESS = "witness"
    ANCHOR = "anchor"
    AGREEMENT = "agreement"
    HOLD = "hold"
    ARCHIVE = "archive"
    EPOCH = "epoch"
    ALARM = "alarm"
    INVESTIGATION = "investigation"
    CHANNEL = "channel"
    FEED = "feed"
    CANARY = "canary"
    DESTINATION = "destination"
    STATEMENT = "statement"
    EXCUSE = "excuse"
    BACKUP = "backup"
    KEY_COPY = "key_copy"
    NOTICE = "notice"
    """Amazon's, of deletion or return."""
    EVIDENCE = "evidence"
    INCIDENT = "incident"
    OFFICE = "office"
    WORK = "work"
    REGISTER = "register"
    """An entry of a register by its name, or a whole one."""
    SCAN = "scan"
    """The report of one."""
    SCAN_TARGET = "scan_target"
    VULNERABILITY = "vulnerability"
    POLICY = "policy"
    """One version of a document that the house has."""
    CHANGE = "change"
    STORAGE = "storage"
    RELEASE = "release"
    ASSESSMENT = "assessment"
    """An audit by Amazon."""
    SUPPLIER = "supplier"
    QUESTION = "question"
    """One of Amazon's questionnaire by its name, or all of them."""
    PACK = "pack"
    """A pack of evidence by its SHA-256."""
    ASSET = "asset"
    """One of the inventory by its number, or an import or a campaign of it."""


class Field(StrEnum):
    """A field that can change; its values appear only as keyed HMACs."""

    NAME = "name"
    REGION = "region"
    MARKETPLACES = "marketplaces"
    ENDPOINT = "endpoint"
    LWA_URL = "lwa_url"
    UPSTREAM_CA = "upstream_ca"
    CREDENTIALS = "credentials"
    RDT_ELEMENTS = "rdt_elements"
    OWNER = "owner"
    PUBLIC_KEY = "public_key"
    BEHIND_PROXY = "behind_proxy"
    ACTION = "action"
    PURPOSE = "purpose"
    CATEGORIES = "categories"
    SELLERS = "sellers"
    EXPIRES_AT = "expires_at"
    ENDED_AT = "ended_at"
    TERMS = "terms"
    """All that a grant says, or a role: one HMAC of it."""
    POPULATION = "population"
    """SHA-256 of what was reviewed."""
    DUE_AT = "due_at"
    PERIOD = "period"
    SETTING = "setting"
    REASON = "reason"
    """The reason that somebody stated, for reading a record; nothing changed by it."""
    CONTENT = "content"
    """SHA-256 of a file, or of a document's text."""
    MANIFEST = "manifest"
    """SHA-256 of a manifest: a backup's, or an archive's."""
    CUSTODY = "custody"
    """SHA-256 of a link of custody, and of the one before."""
    KEPT = "kept"
    """SHA-256 of the numbers of the entries that stay below the minimum index."""


STANDING: Final = frozenset(
    {
        EventType.HOME_INITIALIZED,
        EventType.LOG_HOLD_SET,
        EventType.LOG_HOLD_LIFT_REQUESTED,
        EventType.LOG_HOLD_LIFTED,
        EventType.LOG_PRUNE_REQUESTED,
        EventType.LOG_PRUNED,
        EventType.LOG_EPOCH_STARTED,
        EventType.AGREEMENT_CHANGE_REQUESTED,
        EventType.AGREEMENT_ENDED,
        EventType.AGREEMENT_REOPENED,
        EventType.ALARM_CHANGED,
        EventType.DESTINATION_CHANGED,
        EventType.HOLD_CHANGED,
        EventType.ARCHIVE_CHANGED,
        EventType.ARCHIVE_SEALED,
        EventType.ARCHIVE_EXPIRED,
        EventType.CANARY_PLANTED,
        EventType.CANARY_TOUCHED,
        EventType.CANARY_RETIRED,
        EventType.GRANT_REQUESTED,
        EventType.GRANT_APPROVED,
        EventType.GRANT_RENEWED,
        EventType.GRANT_NARROWED,
        EventType.GRANT_REVOKED,
        EventType.GRANT_GLASS_BROKEN,
        EventType.DUTY_STATED,
        EventType.DUTY_WITHDRAWN,
        EventType.DUTY_EXCUSE_REQUESTED,
        EventType.DUTY_EXCUSE_APPROVED,
        EventType.DUTY_EXCUSE_ENDED,
        EventType.NETWORK_CHANGE_REQUESTED,
        EventType.NETWORK_CHANGE_APPROVED,
        EventType.NETWORK_CHANGE_REJECTED,
        EventType.BACKUP_CHANGE_REQUESTED,
        EventType.BACKUP_CHANGE_APPROVED,
        EventType.DELETION_REGISTERED,
        EventType.DELETION_PLANNED,
        EventType.DELETION_APPROVED,
        EventType.DELETION_STEPPED,
        EventType.DELETION_ASKED,
        EventType.DELETION_CONFIRMED,
        EventType.DELETION_VERIFIED,
        EventType.DELETION_STATED,
        EventType.DELETION_CERTIFIED,
        EventType.DELETION_CLOSED,
        EventType.EVIDENCE_COLLECTED,
        EventType.EVIDENCE_VIEWED,
        EventType.EVIDENCE_EXPORTED,
        EventType.EVIDENCE_RELEASED,
        EventType.EVIDENCE_RECEIVED,
        EventType.EVIDENCE_DECLINED,
        EventType.EVIDENCE_DISPOSED,
        EventType.INCIDENT_OPENED,
        EventType.INCIDENT_CLOCK_MOVED,
        EventType.INCIDENT_NOTIFIED,
        EventType.INCIDENT_CLOSED,
        EventType.POLICY_APPROVED,
        EventType.POLICY_ACKNOWLEDGED,
        EventType.PROCESSING_CONFIRMED,
        EventType.CHANGE_CLOSED,
        EventType.STORAGE_RECORDED,
        EventType.RELEASE_APPROVED,
        EventType.VULNERABILITY_EXCUSE_REQUESTED,
        EventType.VULNERABILITY_EXCUSE_APPROVED,
        EventType.VULNERABILITY_EXCUSE_ENDED,
        EventType.ASSESSMENT_OPENED,
        EventType.ASSESSMENT_RECORDED,
        EventType.ASSESSMENT_CLOSED,
        EventType.AUDITOR_ADMITTED,
        EventType.AUDITOR_ENDED,
    }
)
"""What the present state of a home is held against: entries of these types are never pruned."""


@dataclass(frozen=True, slots=True)
class Change:
    """One field that changed; its values as pseudonyms of the log, None where there was none."""

    field: Field
    before: str | None = None
    after: str | None = None

    def __post_init__(self) -> None:
        for value in (self.before, self.after):
            if value is not None and not _HMAC.fullmatch(value):
                raise Malformed(f"audit: change of {self.field.value} is not given as HMAC")


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, as the code that did it reports it; the log adds when and where.

    `obj_ref` is a token, a number, an operation id or a pseudonym, never a value. `records` are the
    record numbers touched, at most 120: whoever touched more appends further events.

    Raises:
        Malformed: a field does not have its bounded form; the message names the field only.

    """

    type: EventType
    outcome: Outcome
    actor: Caller
    reason: Reason | None = None
    op: str | None = None
    obj_kind: ObjKind | None = None
    obj_ref: str | None = None
    purpose: Purpose | None = None
    pii: tuple[Category, ...] = ()
    n: int | None = None
    bytes_: int | None = None
    changes: tuple[Change, ...] = ()
    decision: int | None = None
    req: str | None = None
    records: tuple[int, ...] = ()
    seller: SellerId | None = None
    src_ip: str | None = None

    def __post_init__(self) -> None:
        fault = self._fault()
        if fault:
            raise Malformed(f"audit: {fault} of a {self.type.value} event does not have its form")

    def _fault(self) -> str | None:
        forms = (("op", self.op, _OP), ("obj_ref", self.obj_ref, _ID), ("req", self.req, _ID))
        for name, text, form in forms:
            if text is not None and not form.fullmatch(text):
                return name
        for name, number in (("n", self.n), ("bytes_", self.bytes_), ("decision", self.decision)):
            if number is not None and not 0 <= number <= _MAX_INTEGER:
                return name
        if (self.obj_ref is None) != (self.obj_kind is None):
            return "obj_kind"
        if self.src_ip is not None and not _HMAC.fullmatch(self.src_ip):
            return "src_ip"
        if len(self.changes) > MAX_CHANGES:
            return "changes"
        return None if not self.records or self._has_bounded_records() else "records"

    def _has_bounded_records(self) -> bool:
        return (
            len(self.records) <= MAX_RECORDS
            and min(self.records) >= 0
            and max(self.records) <= _MAX_RECORD
        )


@dataclass(frozen=True, slots=True)
class Stamp:
    """What the log adds to an event: when, on which node, and which in its order.

    `mono_ns` counts on a clock nobody can set, so that a jump of the other shows; `nseq` counts the
    events of one `node` and `boot` from 0 without a gap.
    """

    at: datetime
    node: str
    boot: str
    mono_ns: int
    nseq: int
    entropy: bytes


def micros(at: datetime) -> int:
    """Return an aware instant as microseconds since 1970."""
    return (at - _EPOCH) // _MICROSECOND


def instant(number: int) -> datetime:
    """Return the aware instant of microseconds since 1970."""
    return _EPOCH + number * _MICROSECOND


def canonical(event: Event, stamp: Stamp) -> bytes:
    """Return the entry's bytes: what is hashed, stored and never changed.

    Raises:
        Malformed: they would be longer than 4 KiB.

    """
    actor = event.actor
    # `_value_`, here and below: the property `value` takes an eighth of the time. A text in its place has neither.
    body: dict[str, Any] = {
        "v": VERSION,
        "id": _uuid7(stamp.at, stamp.entropy[:10]),
        "salt": stamp.entropy[10:ENTROPY_BYTES].hex(),
        "t": _written(stamp.at),
        "boot": stamp.boot,
        # As text: it passes 2^53 after 104 days, and RFC 8785 numbers are doubles.
        "mono_ns": str(stamp.mono_ns),
        "node": stamp.node,
        "nseq": stamp.nseq,
        "type": event.type._value_,
        "outcome": event.outcome._value_,
        "actor": {
            "kind": _actor_kind(actor),
            "id": actor.principal,
            "auth": actor.auth._value_,
        },
    }
    _add_what_is_known(body, event)
    # RFC 8785: members sorted, no spaces. Every key and string is ASCII that needs no escape, and
    # every number an integer below 2^53, so that sorting is all there is to it.
    entry = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
    if len(entry) > MAX_BYTES:
        raise Malformed(f"audit: a {event.type.value} event of {len(entry)} bytes is too long")
    return entry


def is_id(text: str) -> bool:
    """Return whether the text may stand where the log takes an identifier."""
    return _ID.fullmatch(text) is not None


def _add_what_is_known(body: dict[str, Any], event: Event) -> None:
    for name, attribute in _PLAIN:
        value = getattr(event, attribute)
        if value is not None:
            body[name] = value
    if event.reason is not None:
        body["reason"] = event.reason._value_
    if event.src_ip is not None:
        body["src"] = {"ip": event.src_ip}
    if event.obj_kind is not None:
        body["obj"] = {"kind": event.obj_kind._value_, "ref": event.obj_ref}
    if event.purpose is not None:
        body["purpose"] = event.purpose._value_
    if event.pii:
        body["pii"] = [category._value_ for category in event.pii]
    if event.changes:
        body["chg"] = [_change(change) for change in event.changes]
    if event.records:
        body["records"] = event.records


@lru_cache(maxsize=8)
def _written(at: datetime) -> str:
    """Return an instant as RFC 3339 has it; the events of a batch share theirs."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")[:-6] + "Z"


def _actor_kind(actor: Caller) -> str:
    if actor.auth is AuthMethod.SYSTEM:
        return "system"
    return "user" if actor.kind is PrincipalKind.PERSON else "service"


def _change(change: Change) -> dict[str, str]:
    found = {"field": change.field._value_}
    if change.before is not None:
        found["before"] = change.before
    if change.after is not None:
        found["after"] = change.after
    return found


def _uuid7(at: datetime, entropy: bytes) -> str:
    """Return a time-ordered UUID (RFC 9562 section 5.7)."""
    head = (micros(at) // 1000).to_bytes(6, "big")
    a, b, c, *_ = entropy
    marked = (*head, 0x70 | a >> 4, (a << 4 | b >> 4) & 0xFF, 0x80 | c & 0x3F)
    text = bytes(marked).hex() + entropy[3:10].hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
