"""What somebody named to be found by, sealed while their request is open [2.2, 2.4]. Pure but for nonces."""

from dataclasses import asdict
from typing import Final

import orjson

from strongroom.crypto import envelope
from strongroom.crypto.derive import aad, derive
from strongroom.errors import Malformed
from strongroom.terms import Environment
from strongroom.vault.rights import PEOPLE, Sought

_LONGEST: Final = 320
_LABEL: Final = "strongroom/subject-request/v1"


class SoughtBox:
    """Seals and opens it, bound to its request."""

    def __init__(self, key: bytes, environment: Environment) -> None:
        self._key = derive(key, _LABEL, environment)
        self._environment = environment

    def __repr__(self) -> str:
        return "<sought box>"

    def seal(self, number: int, sought: Sought) -> bytes:
        """Return it sealed for this request."""
        return envelope.seal(self._key, orjson.dumps(asdict(sought)), context=self._context(number))

    def open(self, number: int, sealed: bytes) -> Sought:
        """Return it. Raises: Tampered: it was altered, or is another request's."""
        name = f"what request {number} names"
        opened = envelope.open_(self._key, sealed, context=self._context(number), name=name)
        return Sought(**orjson.loads(opened))

    def _context(self, number: int) -> bytes:
        return aad(_LABEL, self._environment, number)


def check(sought: Sought) -> None:
    """Refuse what nobody could be found by, or told from another by. Raises: Malformed."""
    if sought.email is None and sought.phone is None:
        if sought.order is None:
            raise Malformed("nothing is named to be found by", hint="an e-mail, phone or order")
        if sought.name is None and sought.person is None:
            raise Malformed(
                "an order is about two people", hint="give their name, or say buyer or recipient"
            )
    if sought.person is not None and sought.person not in PEOPLE:
        raise Malformed("no such person of an order", hint=f"one of {', '.join(sorted(PEOPLE))}")
    texts = (sought.email, sought.phone, sought.order, sought.name)
    if any(text is not None and not 0 < len(text) <= _LONGEST for text in texts):
        raise Malformed(f"what is named has 1 to {_LONGEST} characters")
