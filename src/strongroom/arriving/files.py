"""An export in CSV, JSON or JSON lines: its rows batch by batch, and a new file beside it with tokens in their places.

The new file never holds a value that was to be replaced: a row that keeps one is left out of it and stays in the old
file alone. It appears under its name when it is whole, and never in place of another.
"""

import codecs
import contextlib
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import orjson

from strongroom.arriving.mapping import File, Format, Plan
from strongroom.arriving.rows import Row
from strongroom.errors import Conflict, Malformed, Unavailable

MOST_JSON_BYTES: Final = 256 * 1024 * 1024
"""A JSON file is read whole; JSON lines are not."""

_AT_ONCE: Final = 500
_LONGEST_CELL: Final = 16 * 1024 * 1024
_DEEPEST: Final = 64
_UTF8_MARK: Final = b"\xef\xbb\xbf"


class FileSource:
    """One file. Close it."""

    def __init__(self, plan: Plan, file: File, home: Path, *, dry: bool) -> None:
        """Open the file; a dry run makes no other.

        Raises:
            Malformed: a column is missing, or the file is not what the mapping says.
            Conflict: the new file's name is taken.
            Unavailable: it cannot be read.

        """
        self._plan = plan
        if any("[]" in column for column in plan.columns):
            raise Malformed(
                "a column within a list cannot be named: a row has one value for a column"
            )
        path, self._output = Path(file.path), Path(file.output)
        for one in (path, self._output):
            if one.resolve().is_relative_to(home.resolve()):
                raise Malformed("this file belongs to the home itself")
        if not dry and os.path.lexists(self._output):
            raise Conflict(
                "the new file is there already", hint="move it away, or name another output"
            )
        try:
            self._raw = path.open("rb")
            self.total: int | None = os.fstat(self._raw.fileno()).st_size
        except OSError as exc:
            raise Unavailable(f"the file cannot be read: {exc.strerror}") from None
        self._part: BinaryIO | None = None
        self._part_path = self._output.with_name(self._output.name + ".part")
        self._named = {*plan.columns, *plan.ignore}
        self._seen: set[str] = set()
        self._kept: set[int] = set()
        self._tokens: dict[int, Mapping[str, str]] = {}
        try:
            self._form = _form(self._raw, file, [plan.order, *plan.fields])
            self._refuse_missing(final=file.format is Format.CSV)
            if not dry:
                self._part = _new(self._part_path)
                self._part.write(self._form.start())
        except BaseException:
            self.close()
            raise

    @property
    def columns(self) -> list[str]:
        """The columns seen so far."""
        return self._form.names

    @property
    def done(self) -> int:
        """Bytes that were read."""
        return self._raw.tell()

    def close(self) -> None:
        """Let go of the files; one that did not become whole goes."""
        self._raw.close()
        if self._part is not None:
            self._part.close()
            with contextlib.suppress(OSError):
                self._part_path.unlink()

    def batches(self) -> Iterator[list[Row]]:
        """Yield the rows in their order. Raises: Malformed, naming the row."""
        rows: list[Row] = []
        for row in self._form.rows():
            self._seen.update(self._named & row.raw.keys())
            rows.append(row)
            if len(rows) >= _AT_ONCE:
                yield from self._turn(rows)
                rows = []
        if rows:
            yield from self._turn(rows)
        self._refuse_missing(final=True)

    def _turn(self, rows: list[Row]) -> Iterator[list[Row]]:
        """Give a page out, and write it when its reader comes back for the next."""
        self._kept.clear()
        self._tokens.clear()
        yield rows
        if self._part is not None:
            kept = [row for row in rows if row.number not in self._kept]
            with _writing():
                for row in kept:
                    self._part.write(self._form.written(row, self._tokens.get(row.number, {})))

    def again(self, rows: Sequence[Row]) -> list[Row]:
        """Return the rows: nobody changes what was read."""
        return list(rows)

    def write(self, changes: Sequence[tuple[Row, Mapping[str, str]]]) -> list[Row]:
        """Take the tokens of rows of this page."""
        self._tokens.update({row.number: tokens for row, tokens in changes})
        return []

    def leave_out(self, row: Row) -> None:
        """Keep a row of this page out of the new file: it holds what was not replaced."""
        self._kept.add(row.number)

    def finish(self, *, vacuum: bool) -> list[str]:
        """Give the new file its name; return what remains for the operator to do. Raises: Conflict."""
        if vacuum:
            raise Malformed("--vacuum is for SQLite")
        if self._part is None:
            return []
        with _writing():
            self._part.write(self._form.end())
            self._part.flush()
            os.fsync(self._part.fileno())
            os.link(self._part_path, self._output)
            directory = os.open(self._output.parent, os.O_RDONLY | os.O_DIRECTORY)
            try:
                os.fsync(directory)
            finally:
                os.close(directory)
        return ["the old file, its copies and its backups hold the values: destroy them"]

    def _refuse_missing(self, *, final: bool) -> None:
        """Raises: Malformed for a column that the file never had."""
        if not final:
            return
        known = self._seen | set(self._form.names)
        for column in sorted(self._named - known):
            raise Malformed(f"the file has no column {column}, which the mapping names")


class _Csv:
    """Rows of cells under a header."""

    def __init__(self, raw: BinaryIO, file: File) -> None:
        encoding = file.encoding or "utf-8"
        marked = raw.read(len(_UTF8_MARK)) == _UTF8_MARK and encoding == "utf-8"
        raw.seek(len(_UTF8_MARK) if marked else 0)
        self._mark = _UTF8_MARK if marked else b""
        start = raw.read(64 * 1024)
        raw.seek(len(self._mark))
        self._encoding = encoding
        self._end = "\r\n" if "\r\n" in start.decode(encoding, "replace") else "\n"
        # One for the whole file: some encodings begin with a mark, or go on in the state that a line left.
        self._encoder = codecs.getincrementalencoder(encoding)()
        self._delimiter = file.delimiter
        csv.field_size_limit(_LONGEST_CELL)
        text = io.TextIOWrapper(io.BufferedReader(_Open(raw)), encoding, newline="")
        self._cells = csv.reader(text, delimiter=file.delimiter, strict=True)
        self.names = next(self._read(), [])
        if len(set(self.names)) != len(self.names):
            raise Malformed("the file's header names a column twice")
        self._lines: dict[int, list[str]] = {}

    def rows(self) -> Iterator[Row]:
        for number, cells in enumerate(self._read(), 1):
            if not cells:
                continue
            if len(cells) != len(self.names):
                raise Malformed(
                    f"row {number} has {len(cells)} columns, the header {len(self.names)}"
                )
            named = dict(zip(self.names, cells, strict=True))
            yield Row(number, (number,), {k: v for k, v in named.items() if v}, named)

    def _read(self) -> Iterator[list[str]]:
        try:
            yield from self._cells
        except csv.Error:
            raise Malformed(f"line {self._cells.line_num} is no CSV") from None
        except UnicodeDecodeError:
            raise Malformed(
                f"behind line {self._cells.line_num} the file is not {self._encoding}",
                hint="[source] encoding = …",
            ) from None

    def start(self) -> bytes:
        return self._mark + self._line(self.names)

    def written(self, row: Row, tokens: Mapping[str, str]) -> bytes:
        return self._line([tokens.get(name, str(row.raw[name])) for name in self.names])

    def end(self) -> bytes:
        return self._encoder.encode("", final=True)

    def _line(self, cells: Sequence[str]) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=self._delimiter, lineterminator=self._end).writerow(cells)
        return self._encoder.encode(out.getvalue())


class _Json:
    """Objects, in one list or one on each line; a column is the members that lead to a value."""

    def __init__(self, raw: BinaryIO, columns: Sequence[str], *, lines: bool) -> None:
        self._raw = raw
        self._columns = columns
        self._lines = lines
        self._first = True
        self.names: list[str] = []

    def rows(self) -> Iterator[Row]:
        for number, document in enumerate(self._documents(), 1):
            if not isinstance(document, dict | _Twice):
                raise Malformed(f"row {number} is no object")
            found: dict[str, tuple[Any, Any]] = {}
            texts: dict[str, str] = {}
            _flatten(document, "", found, texts, number)
            raw: dict[str, object] = {**found, "": document}
            cells = {k: v for k, v in texts.items() if v}
            apart = frozenset(one for one in self._columns if _is_apart(one, found, cells))
            yield Row(number, (number,), cells, raw, apart)

    def _documents(self) -> Iterator[object]:
        if not self._lines:
            data = self._raw.read(MOST_JSON_BYTES + 1)
            if len(data) > MOST_JSON_BYTES:
                raise Malformed("the file is too long to be read whole", hint="use JSON lines")
            whole = _loaded(data.removeprefix(_UTF8_MARK), "the file")
            if not isinstance(whole, list):
                raise Malformed("the file is no list of objects")
            yield from whole
            return
        number = 0
        while line := self._raw.readline(_LONGEST_CELL + 1):
            number += 1
            if len(line) > _LONGEST_CELL:
                raise Malformed(f"line {number} is too long")
            if number == 1:
                line = line.removeprefix(_UTF8_MARK)
            if line.strip():
                yield _loaded(line, f"line {number}")

    def start(self) -> bytes:
        return b"" if self._lines else b"["

    def written(self, row: Row, tokens: Mapping[str, str]) -> bytes:
        for column, token in tokens.items():
            holder, name = cast("tuple[Any, Any]", row.raw[column])
            holder[name] = token
        data = orjson.dumps(row.raw[""], _as_written)
        if self._lines:
            return data + b"\n"
        head, self._first = (b"\n" if self._first else b",\n"), False
        return head + data

    def end(self) -> bytes:
        return b"" if self._lines else b"\n]\n"


class _Open(io.RawIOBase):
    """Reads a file on, without closing it at its own end."""

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: ANN401 - whatever takes bytes
        data = self._raw.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)


class _Number:
    """A number as it is written: none is read, so none is rounded."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        self.text = text


class _Twice:
    """An object with two members of one name, of which a reader would keep one."""


def _form(raw: BinaryIO, file: File, columns: Sequence[str]) -> "_Csv | _Json":
    if file.format is Format.CSV:
        return _Csv(raw, file)
    if file.encoding not in ("", "utf-8"):
        raise Malformed("JSON is UTF-8")
    return _Json(raw, columns, lines=file.format is Format.LINES)


def _loaded(data: bytes, what: str) -> object:
    """Return a document, its numbers as they are written and `_Twice` where an object is ambiguous."""
    try:
        orjson.loads(data)  # strict: no constants, no half characters
        found: object = json.loads(
            data.decode(), parse_int=_Number, parse_float=_Number, object_pairs_hook=_members
        )
    except (ValueError, RecursionError):
        raise Malformed(f"{what} is not valid JSON") from None
    return found


def _members(pairs: list[tuple[str, object]]) -> dict[str, object] | _Twice:
    members = dict(pairs)
    return members if len(members) == len(pairs) else _Twice()


def _as_written(number: object) -> orjson.Fragment:
    if not isinstance(number, _Number):
        raise TypeError
    return orjson.Fragment(number.text)


def _flatten(
    value: Any,  # noqa: ANN401 - JSON
    path: str,
    found: dict[str, tuple[Any, Any]],
    texts: dict[str, str],
    number: int,
) -> None:
    """Note where each scalar stands, by the members that lead to it; those of one list share a name."""
    if path.count(".") + path.count("[") > _DEEPEST:
        raise Malformed(f"row {number} has too many levels")
    if isinstance(value, _Twice):
        raise Malformed(f"row {number} has two members of one name")
    members = value.items() if isinstance(value, dict) else enumerate(value)
    for name, member in members:
        here = f"{path}[]" if isinstance(name, int) else f"{path}.{name}".removeprefix(".")
        if isinstance(member, dict | list | _Twice):
            _flatten(member, here, found, texts, number)
            continue
        if here in found and not here.endswith("[]") and "[]." not in here:
            raise Malformed(f"row {number} has two members of one name")
        text = "" if member is None else _text(member)
        found.setdefault(here, (value, name))
        # Told apart by lines: what looks like somebody's number must not grow together.
        texts[here] = f"{texts[here]}\n{text}" if texts.get(here) else text


def _text(member: object) -> str:
    if isinstance(member, _Number):
        return member.text
    return member if isinstance(member, str) else str(member)


def _is_apart(column: str, found: Mapping[str, object], cells: Mapping[str, str]) -> bool:
    """Say whether no one value stands in a column's place: an object, a list, or a holder that has no members."""
    if column in found:
        return False
    if any(name.startswith((f"{column}.", f"{column}[")) for name in found):
        return True
    holders = [column[:place] for place, letter in enumerate(column) if letter == "."]
    return any(
        holder in cells or any(name.startswith(f"{holder}[") for name in cells)
        for holder in holders
    )


def _new(path: Path) -> BinaryIO:
    with _writing():
        with contextlib.suppress(FileNotFoundError):
            path.unlink()  # of a run that was killed
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except FileExistsError:
        raise Conflict("the new file is there already", hint="name another output") from None
    except OSError as exc:
        raise Unavailable(f"the new file cannot be written: {exc.strerror}") from None
