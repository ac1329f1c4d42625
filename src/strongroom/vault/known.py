"""Says which of many values the vault knows, for the leak scanner; decrypts nothing [2.6].

Values are normalised and compared as HMACs: e-mail and phone under the key of each live period, order ids under the
key of each selling partner. A phone number is known by its last nine digits. Whoever may ask learns whether somebody
is a customer: the caller must have been checked. Every search is recorded before its answer is given.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from strongroom.audit import AuditLog, Event, EventType, Outcome
from strongroom.audit.entry import MAX_RECORDS
from strongroom.crypto.index import NORMALIZERS, subject_key, subject_ref, tag
from strongroom.crypto.token import ForeignToken, ForgedToken, Mint
from strongroom.db.engine import Database
from strongroom.errors import Malformed
from strongroom.terms import Caller, Environment, PeriodId, RecordNumber, SellerId
from strongroom.vault import store
from strongroom.vault.keystore import Keystore

_OP: Final = "leaks.look_up"


class TokenState(StrEnum):
    """What a text in the form of a token is."""

    OURS = "ours"
    FOREIGN = "foreign"
    """Of the other environment."""
    FORGED = "forged"
    """Its MAC is not ours."""
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Answers:
    """One answer for each value asked about, in its order: the records that have it."""

    emails: list[list[RecordNumber]]
    phones: list[list[RecordNumber]]
    orders: list[list[RecordNumber]]
    tokens: list[TokenState]


class Known:
    """Looks values up in one home's indexes. Safe between threads."""

    def __init__(
        self,
        database: Database,
        keystore: Keystore,
        audit: AuditLog,
        *,
        environment: Environment,
        token_key: bytes,
        subject_key: bytes,
    ) -> None:
        self._database = database
        self._keystore = keystore
        self._audit = audit
        self._subject_key = subject_key
        self._mint = Mint(token_key, environment)

    def __repr__(self) -> str:
        return "<known>"

    def look_up(
        self,
        caller: Caller,
        sellers: Iterable[SellerId],
        now: datetime,
        *,
        emails: Sequence[str] = (),
        phones: Sequence[str] = (),
        orders: Sequence[str] = (),
        tokens: Sequence[str] = (),
    ) -> Answers:
        """Return which records have these values, and which tokens verify. Recorded as one search."""
        refs = {seller: self._refs(seller, orders) for seller in sellers}
        # Before the transaction: there is one writer, and this is the work.
        tags = {"email": self._tags("email", emails), "phone": self._tags("phone", phones)}
        found: dict[tuple[str, int], set[RecordNumber]] = defaultdict(set)
        with self._database.write(alone=True) as tx:
            for kind, by_period in tags.items():
                for period, places in by_period.items():
                    for value, number in store.tagged_among(tx, period, list(places)):
                        for place in places[value]:
                            found[kind, place].add(number)
            for seller, by_ref in refs.items():
                for ref, number in store.numbered(tx, seller, list(by_ref)):
                    for place in by_ref[ref]:
                        found["order", place].add(number)
            records = sorted(set().union(*found.values()))
            event = Event(
                EventType.RECORD_SEARCHED,
                Outcome.SUCCESS,
                caller,
                op=_OP,
                n=len(records),
                records=tuple(records[:MAX_RECORDS]),
            )
            self._audit.append(tx, event, now=now)

        def of(kind: str, values: Sequence[str]) -> list[list[RecordNumber]]:
            return [sorted(found.get((kind, place), ())) for place in range(len(values))]

        states = [self._state(text) for text in tokens]
        return Answers(of("email", emails), of("phone", phones), of("order", orders), states)

    def _tags(self, kind: str, values: Sequence[str]) -> dict[PeriodId, dict[int, list[int]]]:
        """Return, for each live period, the places of the values by tag."""
        normal: dict[str, list[int]] = defaultdict(list)
        for place, value in enumerate(values):
            normal[NORMALIZERS[kind](value)].append(place)
        normal.pop("", None)
        periods: dict[PeriodId, dict[int, list[int]]] = {}
        for listed in self._keystore.periods(live=True) if normal else ():
            period = self._keystore.find_period(listed.id)
            if period is not None:
                periods[period.id] = {
                    tag(period.search, kind, text): places for text, places in normal.items()
                }
        return periods

    def _refs(self, seller: SellerId, orders: Sequence[str]) -> dict[bytes, list[int]]:
        key = subject_key(self._subject_key, seller)
        refs: dict[bytes, list[int]] = defaultdict(list)
        for place, order in enumerate(orders):
            refs[subject_ref(key, "order", order)].append(place)
        return refs

    def _state(self, text: str) -> TokenState:
        try:
            self._mint.parse(text)
        except ForgedToken:
            return TokenState.FORGED
        except ForeignToken:
            return TokenState.FOREIGN
        except Malformed:
            return TokenState.NONE
        return TokenState.OURS
