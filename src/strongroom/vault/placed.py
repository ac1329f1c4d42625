"""Where the vault put what one document showed: the tokens that stand in place of its values. Holds no value. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any, cast

from strongroom.crypto.token import RecordTokens
from strongroom.policy.dating import is_packed
from strongroom.policy.retention import HANDED_OVER, DeliveryFacts
from strongroom.policy.sighting import SlotKey
from strongroom.terms import RecordNumber


class Placed:
    """Where a sighting's values went: the tokens that stand for them. `gone`: past its day, nothing was stored."""

    __slots__ = ("_names", "_packed", "_tokens", "gone", "number")

    def __init__(
        self,
        number: RecordNumber,
        facts: DeliveryFacts,
        tokens: RecordTokens,
        names: Mapping[str, int],
        *,
        gone: bool,
    ) -> None:
        self.number = number
        self.gone = gone
        self._packed = facts.status in HANDED_OVER
        self._tokens = tokens
        self._names = names

    def is_done(self, key: SlotKey) -> bool:
        """Say whether a slot holds nothing because what it is for is done: its token stands for nothing any more."""
        return self.gone or (self._packed and isinstance(key, str) and is_packed(key))

    def token(self, key: SlotKey) -> str:
        """Return the token of a slot of this sighting."""
        return self._tokens.token(key if isinstance(key, int) else self._names[key])

    def fill(self, holder: dict[str, Any], places: Iterable[tuple[str, SlotKey]]) -> None:
        """Write tokens into an object of the document, given members and their slots."""
        names = self._names
        if names:
            places = [
                (member, key if isinstance(key, int) else names[key]) for member, key in places
            ]
        # Without names of its own, a sighting has fixed slots only.
        self._tokens.fill(holder, cast("Iterable[tuple[str, int]]", places))
