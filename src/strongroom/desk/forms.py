"""Reads the forms that pages send, and makes the token that each of them carries against other sites [1.5].

The token is an HMAC of what the browser is known by: the session's number of somebody signed on, the `__Host-form`
cookie of anybody else (OWASP's signed double submit). It says nothing about either. Pure.
"""

import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote

from strongroom.crypto.derive import derive
from strongroom.errors import Malformed
from strongroom.terms import Environment

MEDIA_TYPE: Final = "application/x-www-form-urlencoded"
UPLOAD_TYPE: Final = "multipart/form-data"
TOKEN: Final = "token"  # noqa: S105 - a field's name
_MOST_FIELDS: Final = 40
_LONGEST: Final = 512
_LONGEST_STEP: Final = 8192
_LONGEST_HEAD: Final = 2048
_BOUNDARY: Final = re.compile(r'boundary=(?:([A-Za-z0-9\'()+_./:=?-]{1,70})|"([ -!#-~]{1,70})")')
_DISPOSITION: Final = re.compile(
    r'form-data; name="([A-Za-z0-9_.-]{1,64})"(?:; filename="([^"\r\n]{0,512})")?'
)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file that a form sent. Name and type are what its sender says, and nothing is believed of either."""

    name: str = field(repr=False)
    media_type: str = field(repr=False)
    content: bytes = field(repr=False)


class Form:
    """The fields of a form. Prints as nothing: one of them is usually a password."""

    __slots__ = ("_fields", "_files")

    def __init__(
        self, fields: Mapping[str, str], files: Mapping[str, Upload] | None = None
    ) -> None:
        self._fields = dict(fields)
        self._files = dict(files or {})

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

    def file(self, name: str) -> Upload | None:
        """Return a file that was sent in a field; None where none was chosen."""
        return self._files.get(name)

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


def read_upload(body: bytes, content_type: str) -> Form:
    """Return the fields and files of a form that may bring files along (RFC 7578), read strictly.

    Raises:
        Malformed: as `read_form`, or its parts are not as browsers write them.

    """
    kind, _, parameters = content_type.partition(";")
    if kind.strip().lower() != UPLOAD_TYPE:
        return read_form(body, content_type)
    boundary = _BOUNDARY.fullmatch(parameters.strip())
    if boundary is None:
        raise Malformed("the form cannot be read")
    mark = b"--" + (boundary[1] or boundary[2]).encode("ascii")
    # Every part begins after CRLF and the mark; the first has nothing before it.
    parts = (b"\r\n" + body).split(b"\r\n" + mark)
    if parts[0] or len(parts) < 2 or parts[-1].rstrip(b"\r\n") != b"--":  # noqa: PLR2004 - a part and the end
        raise Malformed("the form cannot be read")
    if len(parts) > _MOST_FIELDS + 2:
        raise Malformed("the form has too many fields")
    fields: dict[str, str] = {}
    files: dict[str, Upload] = {}
    for part in parts[1:-1]:
        head, found, content = part.partition(b"\r\n\r\n")
        name, file_name, media_type = _part(head)
        if not found or name in fields or name in files:
            raise Malformed("the form cannot be read")
        if file_name is None:
            fields[name] = _plain(content)
        elif file_name or content:
            files[name] = Upload(file_name, media_type, content)
    return Form(fields, files)


def _part(head: bytes) -> tuple[str, str | None, str]:
    """Return a part's field, the name of its file where it is one, and the type its sender says it has."""
    lines = _plain(head).split("\r\n")
    if lines[0] or len(head) > _LONGEST_HEAD:
        raise Malformed("the form cannot be read")
    headers = {}
    for line in lines[1:]:
        header, colon, value = line.partition(":")
        if not colon or header.lower() in headers:
            raise Malformed("the form cannot be read")
        headers[header.lower()] = value.strip()
    found = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if found is None:
        raise Malformed("the form cannot be read")
    file_name = found[2]
    media_type = headers.get("content-type", "application/octet-stream")
    return found[1], None if file_name is None else unquote(file_name), media_type


def _plain(content: bytes) -> str:
    try:
        text = content.decode()
    except UnicodeDecodeError:
        raise Malformed("the form cannot be read") from None
    if "\0" in text:
        raise Malformed("the form cannot be read")
    return text


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
