"""The contents of a backup, before they are sealed: lines of JSON, the same for both engines. Pure.

docs/formats/backup.md gives them line by line. A header says what it is of, each table is announced and then comes in
blocks of rows, bytes as base64; the last line counts the rows, hashes all lines before it, and carries a seal that only
the home's keystore makes. What does not end with it is no backup. No key that opens a record is ever among the lines
of a vault, and no record among those of a keystore.
"""

import base64
import binascii
import hmac
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from typing import Any, Final, NamedTuple

import orjson

from strongroom.crypto.derive import aad
from strongroom.errors import Malformed, Tampered

VERSION: Final = 1
LONGEST_LINE: Final = 256 * 1024 * 1024
"""A block of the longest values there are stays below it; without a bound a forged file would fill the memory."""

_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,62}")
_SEAL: Final = "strongroom/backup/v1"

Row = Sequence[Any]
Sealer = Callable[[bytes], str]
"""Returns the seal of the hash of all lines."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file is of: `kind` is `vault` or `keystore`; instants are ISO 8601, hashes hexadecimal."""

    kind: str
    id: str
    home_id: str
    environment: str
    taken_at: str
    version: str
    schema: str
    engine: str
    origin: str = ""
    """The log's name at that time, its size, and its signed checkpoint."""
    log_size: int = 0
    checkpoint: str = ""
    settings: str = ""
    """`strongroom.toml` without secrets."""
    root_uri: str = ""
    root_key: str = ""
    """Of a keystore: the file of its root key as it lies there, sealed by its passphrase; base64."""
    expires_at: str = ""


class Table(NamedTuple):
    """One table: the names of its columns, which of them hold bytes, and its rows in blocks."""

    name: str
    columns: Sequence[str]
    binary: Sequence[int]
    blocks: Iterable[Sequence[Row]]


@dataclass(slots=True)
class Contents:
    """What was written or read: rows by table, and the hash of all lines."""

    header: Header | None = None
    rows: dict[str, int] = field(default_factory=dict)
    digest: str = ""
    seal: str = field(default="", repr=False)

    @property
    def total(self) -> int:
        """All rows."""
        return sum(self.rows.values())


def sealer(key: bytes, home_id: str, kind: str) -> Sealer:
    """Return what seals the hash of a home's files of one kind: nobody without its keystore makes such a file."""
    return lambda digest: hmac.digest(key, aad(_SEAL, home_id, kind, digest), "sha256").hex()


def lines(
    header: Header, tables: Iterable[Table], seal: Sealer, contents: Contents
) -> Iterator[bytes]:
    """Yield the file's lines; `contents` tells at the end what they were."""
    whole = sha256()

    def told(document: object) -> bytes:
        line = orjson.dumps(document, option=orjson.OPT_APPEND_NEWLINE)
        whole.update(line)
        return line

    contents.header = header
    yield told({"strongroom": VERSION, **asdict(header)})
    for name, columns, binary, blocks in tables:
        yield told({"table": name, "columns": list(columns), "binary": list(binary)})
        count = 0
        for block in blocks:
            count += len(block)
            yield told(_encoded(block, binary))
        contents.rows[name] = count
    contents.digest = whole.hexdigest()
    contents.seal = seal(whole.digest())
    end = {"rows": contents.rows, "sha256": contents.digest, "seal": contents.seal}
    yield told({"end": end})


def refuse_unsealed(contents: Contents, seal: Sealer) -> None:
    """Refuse contents that a home's keystore did not seal. Raises: Tampered."""
    if not hmac.compare_digest(seal(bytes.fromhex(contents.digest)), contents.seal):
        raise Tampered("the backup was not made by the home that this keystore belongs to")


class Reading:
    """Takes the bytes of a file as they come and hands on what is in it; `finish` says that it was whole.

    What was handed on before is not to be believed until `finish` returned.
    """

    def __init__(
        self,
        *,
        header: Callable[[Header], None],
        table: Callable[[str, list[str]], None],
        rows: Callable[[list[Row]], None],
    ) -> None:
        self.contents = Contents()
        self._header = header
        self._table = table
        self._rows = rows
        self._whole = sha256()
        self._parts: list[bytes] = []
        self._held = 0
        self._name = ""
        self._binary: list[int] = []
        self._columns = 0
        self._ended = False

    def write(self, data: bytes) -> int:
        """Take the next bytes. Raises: Malformed, Tampered."""
        start = 0
        while (end := data.find(b"\n", start)) >= 0:
            self._line(b"".join((*self._parts, data[start : end + 1])))
            self._parts, self._held, start = [], 0, end + 1
        if start < len(data):
            self._parts.append(data[start:])
            self._held += len(data) - start
            if self._held > LONGEST_LINE:
                raise Malformed("the backup has a line that is too long")
        return len(data)

    def flush(self) -> None:
        """Do nothing: a file is asked to."""

    def finish(self, seal: Sealer | None = None) -> Contents:
        """Return what was read once all of it was there, unchanged, and by `seal` ours.

        Raises:
            Tampered: it is not whole, was changed, or was made by somebody else.

        """
        if not self._ended or self._parts:
            raise Tampered("the backup is not whole: its end is missing")
        if seal is not None:
            refuse_unsealed(self.contents, seal)
        return self.contents

    def _line(self, line: bytes) -> None:
        if self._ended:
            raise Tampered("the backup goes on behind its end")
        try:
            document = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise Malformed("the file is no backup of Strongroom") from None
        if isinstance(document, dict) and "end" in document:
            self._end(document["end"])
            return
        self._whole.update(line)
        if self.contents.header is None:
            self._begin(document)
        elif isinstance(document, list):
            self._take(document)
        else:
            self._announce(document)

    def _begin(self, document: object) -> None:
        if not isinstance(document, dict) or "strongroom" not in document:
            raise Malformed("the file is no backup of Strongroom")
        if document.pop("strongroom") != VERSION:
            raise Malformed("the backup has a newer form", hint="use the version that made it")
        try:
            found = Header(**document)
        except TypeError:
            raise Malformed("the backup's header has another form") from None
        self.contents.header = found
        self._header(found)

    def _announce(self, document: object) -> None:
        match document:
            case {"table": str(name), "columns": list(columns), "binary": list(binary)}:
                names = [name, *columns]
                if not all(isinstance(one, str) and _NAME.fullmatch(one) for one in names):
                    raise Malformed("a table of the backup has no name of ours")
                if name in self.contents.rows:
                    raise Malformed("a table comes twice in the backup")
                self._name, self._binary, self._columns = name, binary, len(columns)
                self.contents.rows[name] = 0
                self._table(name, columns)
            case _:
                raise Malformed("the backup has a line that is neither table nor rows")

    def _take(self, block: list[Any]) -> None:
        if not self._name:
            raise Malformed("the backup has rows of no table")
        if not all(isinstance(row, list) and len(row) == self._columns for row in block):
            raise Malformed(f"rows of {self._name} have another number of columns")
        try:
            for place in self._binary:
                for row in block:
                    if row[place] is not None:
                        row[place] = base64.b64decode(row[place], validate=True)
        except (binascii.Error, TypeError, IndexError, ValueError):
            raise Malformed(f"a row of {self._name} has another form") from None
        self.contents.rows[self._name] += len(block)
        self._rows(block)

    def _end(self, end: object) -> None:
        digest = self._whole.hexdigest()
        match end:
            case {"rows": dict(rows), "sha256": str(told), "seal": str(seal)}:
                if told != digest or rows != self.contents.rows:
                    raise Tampered("the backup was changed: its lines are not those it counts")
                self.contents.digest, self.contents.seal = digest, seal
                self._ended = True
            case _:
                raise Malformed("the backup's last line has another form")


def _encoded(block: Sequence[Row], binary: Sequence[int]) -> list[list[Any]]:
    rows = [list(row) for row in block]
    for place in binary:
        for row in rows:
            if row[place] is not None:
                row[place] = base64.b64encode(row[place]).decode()
    return rows
