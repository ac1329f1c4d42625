"""Personal data that an app held before the vault did: taken in so that nothing is lost, and tokens for it [2.1, 2.4].

Amazon's word comes first: what a record holds stays as it is, and a source that says otherwise is kept beside it, in a
slot of its own. A token is given only for a value that was read back from the vault: whoever writes it over the value
destroys the last other copy. What is past its day is not stored; what nobody knows the age of is not either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from strongroom.crypto.envelope import RecordSealer
from strongroom.crypto.index import SubjectKey, subject_key, subject_ref
from strongroom.crypto.token import ForeignToken, ForgedToken, Mint
from strongroom.db.engine import Database
from strongroom.errors import Gone, Malformed
from strongroom.policy.catalogue.slots import FIRST_DYNAMIC, FIXED, SlotSpec, spec_of
from strongroom.policy.retention import DAY, DeliveryFacts, Progress, learn
from strongroom.policy.sighting import Sighting, SlotKey
from strongroom.terms import Caller, Environment, Scalar, SellerId
from strongroom.vault import large, store
from strongroom.vault.batch import day_of
from strongroom.vault.box import RecordBox, refuse_other_subject
from strongroom.vault.keystore import Keystore
from strongroom.vault.large import ValueSealer
from strongroom.vault.naming import names_of
from strongroom.vault.placed import Placed
from strongroom.vault.store import RecordState, Row
from strongroom.vault.vault import Vault

OP: Final = "import"
_ROUNDS: Final = 3


class Age(StrEnum):
    """Whether an order may be stored."""

    LIVE = "live"
    PAST_DUE = "past_due"
    UNKNOWN = "unknown"


class Mark(StrEnum):
    """What a text is, as far as tokens go."""

    TOKEN = "token"  # noqa: S105 - a name
    STRANGE = "strange"
    """In the form of a token, and not made here."""
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Arrived:
    """What became of one sighting: a token for each value that the vault was seen to hold."""

    gone: bool
    tokens: Mapping[SlotKey, str] = field(default_factory=dict)


class Arrivals:
    """Takes sightings of orders into one home's vault. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        vault: Vault,
        *,
        environment: Environment,
        token_key: bytes,
        subject_key: bytes,
        copy_lifetime: timedelta,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._vault = vault
        self._environment = environment
        self._mint = Mint(token_key, environment)
        self._subject_key = subject_key
        self._copy_lifetime = copy_lifetime

    def __repr__(self) -> str:
        return "<arrivals>"

    def mark(self, text: str) -> Mark:
        """Say whether a text is a token of ours, or only looks like one."""
        try:
            self._mint.parse(text)
        except (ForgedToken, ForeignToken):
            return Mark.STRANGE
        except Malformed:
            return Mark.VALUE
        return Mark.TOKEN

    def ages(self, seller: SellerId, sightings: Sequence[Sighting], now: datetime) -> list[Age]:
        """Return of each order whether it may be stored; nothing is opened or changed."""
        key, rows = self._rows(seller, sightings)
        seconds = int(now.timestamp())
        return [
            self._age(rows.get(subject_ref(key, one.kind, one.id)), one, seconds)
            for one in sightings
        ]

    def bring(
        self, caller: Caller, seller: SellerId, sightings: Sequence[Sighting], now: datetime
    ) -> list[Arrived]:
        """Put orders into the vault and return their tokens; all of it is durable by then.

        A value without a token among them is not in the vault: its record has no room for it, or another writer came
        in between each time.
        """
        tokens: list[dict[SlotKey, str]] = [{} for _ in sightings]
        gone = [False] * len(sightings)
        for _round in range(_ROUNDS):
            asked = [
                (place, replace(one, slots=rest))
                for place, one in enumerate(sightings)
                if (rest := {k: v for k, v in one.slots.items() if k not in tokens[place]})
                and not gone[place]
            ]
            if not asked:
                break
            wanted = [one for _, one in asked]
            names = self._apart(seller, wanted)
            put = [
                replace(one, slots={own.get(k, k): v for k, v in one.slots.items()})
                for one, own in zip(wanted, names, strict=True)
            ]
            placed = self._vault.put(seller, put, caller=caller, op=OP, now=now)
            held = self._held(seller, put)
            for (place, one), own, record, values in zip(asked, names, placed, held, strict=True):
                gone[place] = record.gone
                tokens[place].update(_confirmed(one, own, record, values))
        return [Arrived(*both) for both in zip(gone, tokens, strict=True)]

    # -- private ---------------------------------------------------------------------------------------------------

    def _age(self, row: Row | None, sighting: Sighting, seconds: int) -> Age:
        known = DeliveryFacts() if row is None else row.facts
        if row is not None and row.state != RecordState.LIVE:
            return Age.PAST_DUE
        facts = learn(known, sighting.facts, seconds, stale=row is not None)
        # Without a date, "shipped" tells no age either: what may be of yesterday is not to be erased as of long ago.
        dated = facts.purchased_at or facts.shipped_at or facts.seen_open_at
        if not dated and facts.status is not Progress.CANCELLED:
            return Age.UNKNOWN
        day = day_of(facts, seconds, self._copy_lifetime, by_date=True)
        return Age.PAST_DUE if day is not None and day * DAY <= seconds else Age.LIVE

    def _apart(
        self, seller: SellerId, sightings: Sequence[Sighting]
    ) -> list[dict[SlotKey, SlotKey]]:
        """Return of each sighting which of its slots need another: what its order has them for is something else."""
        key = subject_key(self._subject_key, seller)
        known: dict[str, dict[SlotKey, Scalar]] = {}
        for one, values in zip(sightings, self._held(seller, sightings), strict=True):
            known.setdefault(one.subject, values)
        found: list[dict[SlotKey, SlotKey]] = []
        for one in sightings:
            held = known[one.subject]
            shown = {slot: large.kept(value) for slot, value in one.slots.items()}
            others = {slot for slot, value in shown.items() if held.get(slot, value) != value}
            # Half of one address and half of another is neither.
            torn = {group for slot in others if (group := _spec(slot).group)}
            others |= {s for s in one.slots if _spec(s).group in torn and s not in held}
            found.append({slot: _own_slot(key, one, slot) for slot in others})
            held.update({s: value for s, value in shown.items() if s not in others})
        return found

    def _held(self, seller: SellerId, sightings: Sequence[Sighting]) -> list[dict[SlotKey, Scalar]]:
        """Return of each sighting what its record holds now, by slot, of long values the references."""
        key, rows = self._rows(seller, sightings)
        box = RecordBox(
            RecordSealer(self._environment, seller),
            ValueSealer(self._environment, seller),
            self._keystore,
            key,
        )
        held = []
        for one in sightings:
            row = rows.get(subject_ref(key, one.kind, one.id))
            held.append({} if row is None else _opened(box, row, one.subject))
        return held

    def _rows(
        self, seller: SellerId, sightings: Sequence[Sighting]
    ) -> tuple[SubjectKey, dict[bytes, Row]]:
        key = subject_key(self._subject_key, seller)
        refs = dict.fromkeys(subject_ref(key, one.kind, one.id) for one in sightings)
        with self._database.read() as tx:
            return key, store.by_subject(tx, seller, list(refs))


def _opened(box: RecordBox, row: Row, subject: str) -> dict[SlotKey, Scalar]:
    if row.state != RecordState.LIVE or row.blob is None:
        return {}
    try:
        slots = box.open(row, box.dek(row))
    except Gone:
        return {}
    refuse_other_subject(row, slots, subject)
    names = names_of(slots)
    by_slot: dict[SlotKey, Scalar] = {n: v for n, v in slots.items() if 0 < n < FIRST_DYNAMIC}
    by_slot.update({name: slots[number] for number, name in names.items() if number in slots})
    return by_slot


def _confirmed(
    one: Sighting,
    own: Mapping[SlotKey, SlotKey],
    record: Placed,
    held: Mapping[SlotKey, Scalar],
) -> dict[SlotKey, str]:
    """Return tokens of what the record holds; of what is gone or done it holds nothing, and its tokens answer that."""
    return {
        slot: record.token(own.get(slot, slot))
        for slot, value in one.slots.items()
        if record.is_done(slot) or held.get(own.get(slot, slot)) == large.kept(value)
    }


def _own_slot(key: SubjectKey, one: Sighting, slot: SlotKey) -> str:
    # By the value, so that it is found again; by the order too, so that two orders of one person look nothing alike.
    ident = subject_ref(key, "arrived", f"{one.subject} {slot} {one.slots[slot]}").hex()
    spec = _spec(slot)
    return f"arrived_{spec.subject}:{ident}.{spec.category.value}"


def _spec(slot: SlotKey) -> SlotSpec:
    return FIXED[slot] if isinstance(slot, int) else spec_of(slot)
