"""Mints and parses tokens: what an app holds in place of a personal value.

A token is a reference, never ciphertext: 20 Crockford base-32 characters that name a record and a
slot and carry a 40-bit MAC (HMAC-SHA-512, RFC 2104, truncated). The MAC keeps guesses and typing
errors from the door; it grants nothing, since `Vault.reveal` asks for a grant whatever the token
[1.3]. Byte-exact in `docs/formats/token.md`; the layout and the length of its MAC are ADR 0011.
This file must never see the value a token stands for.
"""

import hmac
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from strongroom.crypto.derive import keyed_states, sha512
from strongroom.errors import Denied, Malformed
from strongroom.terms import Environment, RecordNumber

if TYPE_CHECKING:
    from _hashlib import HASH

TOKEN_LENGTH: Final = 20
LAST_NUMBER: Final = 2**40 - 1
LAST_SLOT: Final = 2**10 - 1
EMAIL_DOMAIN: Final = "token.invalid"
"""Under `.invalid` (RFC 2606), so that a message to a token reaches nobody."""

PREFIXES: Final = {Environment.PRODUCTION: "SR", Environment.TEST: "ST"}

_ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(high + low for high in _ALPHABET for low in _ALPHABET)
_LOW_FIVE_BITS: Final = bytes(ord(_ALPHABET[byte & 31]) for byte in range(256))
_TO_INT: Final = str.maketrans(_ALPHABET, "0123456789ABCDEFGHIJKLMNOPQRSTUV")  # as int(…, 32) reads

# What a token needs of its slot, computed once: the block, its two bytes are in _BLOCKS; the
# slot's characters; where its MAC stands among the block's.
_PLACES: Final = tuple(
    (slot >> 3, _PAIRS[slot], slice(8 * (slot & 7), 8 * (slot & 7) + 8)) for slot in range(1024)
)
_BLOCKS: Final = tuple(block.to_bytes(2, "big") for block in range(128))

_CHARACTERS: Final = "[0-9A-HJKMNP-TV-Za-hjkmnp-tv-z]"
# Both cases spelt out: re.IGNORECASE would also take the long s and the Kelvin sign.
_FORM: Final = re.compile(f"[Ss][RrTt]{_CHARACTERS}{{18}}")
_IN_TEXT: Final = re.compile(rf"[Ss](?<![^\W_].)[RrTt]{_CHARACTERS}{{18}}(?![^\W_])")

_URL_HEAD: Final = f"https://{EMAIL_DOMAIN}/"
_URL_LENGTH: Final = len(_URL_HEAD) + TOKEN_LENGTH
_LONGEST_RENDERING: Final = 39  # an IPv6 address written in full
_ADDRESS_BITS: Final = 100
_ADDRESS_HEAD: Final = 0xFD53520  # fd: unique local (RFC 4193); then "SR" and four zero bits


class ForgedToken(Denied):
    """The form is right and the MAC is not: a guess or a slip; the alarms count it [2.6]."""


class ForeignToken(Denied):
    """The token belongs to the other environment [2.5]."""


_States = tuple[Callable[[], "HASH"], Callable[[], "HASH"]]  # copy HMAC's inner, outer state


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a token names, after its MAC was verified; `token` is its canonical form."""

    number: RecordNumber
    slot: int
    token: str


class RecordTokens:
    """The tokens of one record; one HMAC serves the eight slots of a block."""

    __slots__ = ("_blocks", "_head", "_number", "_states")

    def __init__(self, states: _States, head: str, number: bytes) -> None:
        self._states: Final = states
        self._head: Final = head
        self._number: Final = number
        self._blocks: Final[dict[int, str]] = {}

    def token(self, slot: int) -> str:
        """Return the token of one slot; always the same for the same record and key.

        Raises:
            IndexError: the slot is not 0 to 1023: a programming error.

        """
        if slot < 0:
            raise IndexError("a slot is a number from 0 to 1023")
        block, pair, place = _PLACES[slot]
        macs = self._blocks.get(block) or self._macs(block)
        return f"{self._head}{pair}{macs[place]}"

    def fill(self, holder: dict[str, Any], places: Iterable[tuple[str, int]]) -> None:
        """Write tokens into an object, given members and their slots: `token` for many, at half the cost."""
        head, blocks = self._head, self._blocks
        for member, slot in places:
            block, pair, place = _PLACES[slot]
            macs = blocks.get(block) or self._macs(block)
            holder[member] = f"{head}{pair}{macs[place]}"

    def __repr__(self) -> str:
        return f"<tokens of record {int.from_bytes(self._number, 'big')}>"

    def _macs(self, block: int) -> str:
        inner_state, outer_state = self._states
        inner = inner_state()
        inner.update(self._number + _BLOCKS[block])
        outer = outer_state()
        outer.update(inner.digest())
        macs = outer.digest().translate(_LOW_FIVE_BITS).decode("ascii")
        self._blocks[block] = macs
        return macs


class Mint:
    """Mints and verifies the tokens of one environment; safe to share between threads."""

    __slots__ = ("_prefix", "_states")

    def __init__(self, token_key: bytes, environment: Environment) -> None:
        self._prefix: Final = PREFIXES[environment]
        domain = b"strongroom/token/v1" + self._prefix.encode("ascii")
        inner, outer = keyed_states(sha512, token_key, domain)
        self._states: Final[_States] = (inner.copy, outer.copy)

    def record(self, number: RecordNumber) -> RecordTokens:
        """Return what mints the tokens of one record."""
        if not 0 <= number <= LAST_NUMBER:
            raise ValueError("a record's number has 40 bits")
        head = (
            f"{self._prefix}{_PAIRS[number >> 30]}{_PAIRS[number >> 20 & 1023]}"
            f"{_PAIRS[number >> 10 & 1023]}{_PAIRS[number & 1023]}"
        )
        return RecordTokens(self._states, head, number.to_bytes(8, "big"))

    def parse(self, text: str) -> Parsed:
        """Return what a token names: in any case, or in its e-mail or IPv6 rendering.

        Raises:
            Malformed: it has not the form of a token.
            ForeignToken: it belongs to the other environment.
            ForgedToken: it was not minted with this key.

        """
        token = _canonical(text)
        if token is None:
            raise Malformed("not a token")
        if not token.startswith(self._prefix):
            raise ForeignToken("token belongs to another environment")
        bits = _bits(token)
        number = RecordNumber(bits >> 50 & LAST_NUMBER)
        slot = bits >> 40 & LAST_SLOT
        if not hmac.compare_digest(token, self.record(number).token(slot)):
            raise ForgedToken("token does not verify")
        return Parsed(number, slot, token)

    def made(self, text: str) -> bool:
        """Tell whether a text is a token that was minted with this key."""
        try:
            self.parse(text)
        except (Malformed, ForeignToken, ForgedToken):
            return False
        return True

    def __repr__(self) -> str:
        return "<mint>"

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a key cannot be pickled")


def looks_like_token(text: str) -> bool:
    """Say whether the whole text has the form of a token or of a rendering, whatever its MAC."""
    return _canonical(text) is not None


def number_in(text: str) -> RecordNumber | None:
    """Return the record that a text in the form of a token names, its MAC unverified: for counting, never to read."""
    token = _canonical(text)
    return None if token is None else RecordNumber(_bits(token) >> 50 & LAST_NUMBER)


def find_tokens(text: str) -> list[str]:
    """Return everything in a text that has the form of a token, as written, whatever its MAC.

    A letter or digit right before or after it means that it is part of something longer. E-mail
    renderings are found by their local part; IPv6 renderings are not looked for.
    """
    return _IN_TEXT.findall(text)


def token_places(text: str) -> list[int]:
    """Return where each token that `find_tokens` finds begins."""
    return [found.start() for found in _IN_TEXT.finditer(text)]


def as_email(token: str) -> str:
    """Return the rendering for places that must hold an e-mail address."""
    return f"{token.lower()}@{EMAIL_DOMAIN}"


def as_ip(token: str) -> str:
    """Return the rendering for places that must hold an IP address: a unique local one, RFC 4193."""
    return str(IPv6Address(_ADDRESS_HEAD << _ADDRESS_BITS | _bits(token)))


def as_url(token: str) -> str:
    """Return the rendering for places that must hold a web address."""
    return _URL_HEAD + token


def _canonical(text: str) -> str | None:
    if len(text) == TOKEN_LENGTH and _FORM.fullmatch(text):
        return text.upper()
    if text.startswith(_URL_HEAD):
        return _canonical(text[len(_URL_HEAD) :]) if len(text) == _URL_LENGTH else None
    if len(text) > _LONGEST_RENDERING:
        return None
    if "@" in text:
        local, _, domain = text.partition("@")
        return local.upper() if domain.lower() == EMAIL_DOMAIN and _FORM.fullmatch(local) else None
    # A scope, "%eth0", would be one more spelling of the same token.
    return _from_address(text) if ":" in text and "%" not in text else None


def _from_address(text: str) -> str | None:
    try:
        address = int(IPv6Address(text))
    except AddressValueError:
        return None
    if address >> _ADDRESS_BITS != _ADDRESS_HEAD:
        return None
    token = "".join(_PAIRS[address >> shift & 1023] for shift in range(90, -1, -10))
    return token if _FORM.fullmatch(token) else None


def _bits(token: str) -> int:
    return int(token.translate(_TO_INT), 32)
