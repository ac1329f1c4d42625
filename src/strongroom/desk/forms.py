"""Reads the forms that pages send, and makes the token that each of them carries against other sites [1.5].

The token is an HMAC of what the browser is known by: the session's number of somebody signed on, the `__Host-form`
cookie of anybody else (OWASP's signed double submit). It says nothing about either. Pure.
"""

import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qsl

from strongroom.crypto.derive import derive
from strongroom.errors import Malformed
from strongroom.terms import Environment

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
TOKEN: Final = "token"  # noqa: S105 - a field's name
_MOST_FIELDS: Final = 40
_LONGEST: Final = 512
_LONGEST_STEP: Final = 8192


class Form:
    """The fields of a form. Prints as nothing: one of them is usually a password."""

    __slots__ = ("_fields",)

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = dict(fields)

    def __repr__(self) -> str:
        return "<form>"

    def text(self, name: str, *, longest: int = _LONGEST) -> str:
        """Return a field, empty where the form has none.

        Raises:
            Malformed: it is longer than that.

        """
        value = self._fields.get(name, "")
        if len(value) > longest:
            raise Malformed("a field of the form is too long")
        return value

    def word(self, name: str, *, longest: int = _LONGEST) -> str:
        """Return a field without the blanks around it. Raises: as `text`."""
        value = self.text(name).strip()
        if len(value) > longest:
            raise Malformed("a field of the form is too long")
        return value

    def step(self, name: str = "step") -> str:
        """Return a reference to something under way, which may carry all of it, sealed. Raises: as `text`."""
        return self.text(name, longest=_LONGEST_STEP)


NO_FORM: Final = Form({})


def read_form(body: bytes, content_type: str) -> Form:
    """Return the fields of a request's body.

    Raises:
        Malformed: it is no such form, has too many fields, one of them twice, or what is no text.

    """
    if content_type.partition(";")[0].strip().lower() != MEDIA_TYPE:
        raise Malformed("the request is no form")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=bool(body),
            errors="strict",
            max_num_fields=_MOST_FIELDS,
        )
    except ValueError:
        raise Malformed("the form cannot be read") from None
    fields = dict(pairs)
    if len(fields) != len(pairs) or any("\0" in value for value in fields.values()):
        raise Malformed("the form cannot be read")
    return Form(fields)


class FormTokens:
    """Makes and checks the tokens of one home's forms."""

    __slots__ = ("_key",)

    def __init__(self, key: bytes, environment: Environment) -> None:
        self._key = derive(key, "strongroom/desk-form/v1", environment)

    def __repr__(self) -> str:
        return "<form tokens>"

    def of_session(self, session: int) -> str:
        """Return the token of a signed-on person's forms."""
        return self._token("session", str(session))

    def of_browser(self, cookie: str) -> str:
        """Return the token of forms for whoever is not signed on."""
        return self._token("browser", cookie)

    def _token(self, kind: str, bound: str) -> str:
        return hmac.digest(self._key, f"{kind}:{bound}".encode(), "sha256").hex()


def same(token: str, shown: str) -> bool:
    """Return whether a form shows the token, in the same time for any other."""
    return hmac.compare_digest(token.encode(), shown.encode())
