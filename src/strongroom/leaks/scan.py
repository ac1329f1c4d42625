"""Scans streams of bytes and cells of tables for personal data, or for credentials, in every encoding [2.6, 2.5].

Values are cut out, gathered, and looked up many at a time by whoever knows them; nothing here opens anything of the
vault, and what is kept of a value ends with the scan. Data passes in windows that overlap by more than the longest
encoded value, so that memory does not grow with a file.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import BinaryIO, Final

from strongroom.crypto.index import NORMALIZERS
from strongroom.leaks.containers import Budget, open_all
from strongroom.leaks.credentials import Credential, credentials
from strongroom.leaks.layers import DEPTH, layers
from strongroom.leaks.outside import Cell
from strongroom.leaks.report import Finding, masked
from strongroom.leaks.shapes import Kind, Shape, shapes

MOST_FINDINGS: Final = 10_000
"""Listed in one scan; more are counted."""

_WINDOW_BYTES: Final = 1024 * 1024
_OVERLAP_BYTES: Final = 6 * 1024
_MARGIN_BYTES: Final = 2 * 1024
_NEAR_BYTES: Final = 16
"""By as much the place of an encoded value may differ between two windows."""
_AT_ONCE: Final = 1000
_CELLS_BYTES: Final = 256 * 1024
_LARGE_CELL_BYTES: Final = 32 * 1024
_MOST_REMEMBERED: Final = 100_000
_CANARY: Final = "canary:"
_GAP: Final = b"\n\n"
_PACKED: Final = (b"\x1f\x8b\x08", b"PK\x03\x04", b"BZh", b"\xfd7zXZ\x00")

Answer = str | Sequence[int] | None
LookUp = Callable[[Mapping[str, Sequence[str]]], Mapping[str, Sequence[Answer]]]
"""Takes normal forms by kind and says of each, in order: its records, a token's state, whose credential it is, or
`canary:SELLER:RECORD`."""

_NORMAL: Final[Mapping[Kind, Callable[[str], str]]] = {
    Kind.EMAIL: NORMALIZERS["email"],
    Kind.PHONE: NORMALIZERS["phone"],
    Kind.ORDER: str,
    Kind.TOKEN: str,
}


@dataclass(slots=True)
class _Hit:
    """One candidate that waits to be looked up."""

    finding: Finding
    kind: str
    forms: tuple[str, ...] = field(repr=False)
    told: bool
    number: int


class Scan:
    """One scan. `look_up` is asked in batches; without it only forms tell."""

    def __init__(self, look_up: LookUp | None, *, secrets: bool) -> None:
        self._look_up = look_up
        self._secrets = secrets
        self._waiting: list[_Hit] = []
        self._times: Counter[int] = Counter()
        self._numbers: dict[tuple[object, ...], int] = {}
        self._answers: dict[tuple[str, str], Answer] = {}
        self._found: list[tuple[int, Finding]] = []
        self._in_tables: set[tuple[str, str]] = set()
        self._next = 0
        self.counts: Counter[str] = Counter()
        self.incomplete: list[tuple[str, str]] = []
        self.files = 0
        self.bytes = 0

    def __repr__(self) -> str:
        return "<scan>"

    # -- what is scanned -------------------------------------------------------------------------------------------

    def file(
        self, place: Finding, parts: Iterable[bytes], packed: int, file: BinaryIO | None = None
    ) -> None:
        """Scan a file and what is packed in it; `file` is the same where one can seek in it."""
        self.files += 1
        if place.table is None:
            self._in_tables.clear()

        def visit(member: str | None, inner: Iterable[bytes]) -> None:
            if member is None:
                self.stream(place, inner)
                return
            shown = masked(member)
            whole = shown if place.member is None else f"{place.member}!{shown}"
            inside = replace(place, member=whole)
            if shown != member:
                self.name(inside, member)
            self.stream(inside, inner)

        def incomplete(member: str | None, why: str) -> None:
            shown = place.file if not member else f"{place.file}!{masked(member)}"
            self.incomplete.append((shown, why))

        open_all(parts, Budget(packed), visit, incomplete, file)

    def name(self, place: Finding, name: str) -> None:
        """Scan the name of a file or member."""
        raw = name.encode(errors="surrogateescape")
        for shape, start, encoding in self._looks(raw):
            self._add(replace(place, offset=start), f"name+{encoding}".removesuffix("+raw"), shape)

    def stream(self, place: Finding, parts: Iterable[bytes], *, told: bool = True) -> None:
        """Scan bytes as they come, not looking into what is packed; unless `told`, for what the vault knows alone."""
        self._forget()
        tail, base, lines = b"", 0, 1
        seen: set[tuple[object, ...]] = set()
        for part, last in _windows(parts):
            self.bytes += len(part)
            window = tail + part
            low = 0 if base == 0 else _OVERLAP_BYTES - _MARGIN_BYTES - 2 * _NEAR_BYTES
            high = len(window) if last else len(window) - _MARGIN_BYTES
            again: set[tuple[object, ...]] = set()
            for shape, start, encoding in self._looks(window):
                if not low <= start < high:
                    continue
                value, at = (_kind(shape), encoding, _text(shape)), (base + start) // _NEAR_BYTES
                if any((value, near) in seen for near in (at - 1, at, at + 1)):
                    continue
                if start >= len(window) - _OVERLAP_BYTES:
                    again.add((value, at))
                line = lines + window.count(b"\n", 0, start)
                here = replace(place, offset=base + start, line=line)
                self._add(here, encoding, shape, told=told)
            seen = again
            tail = window[-_OVERLAP_BYTES:]
            passed = len(window) - len(tail)
            lines += window.count(b"\n", 0, passed)
            base += passed

    def cells(self, place: Finding, cells: Iterable[Cell]) -> None:
        """Scan values of tables, many at a time; packed and large ones each alone."""
        self._forget()
        self._in_tables.clear()
        group: list[Cell] = []
        size = 0
        for cell in cells:
            if not cell.whole:
                self.incomplete.append((f"{place.file}: {cell.table}.{cell.column}", "large"))
            if len(cell.value) > _LARGE_CELL_BYTES or cell.value.startswith(_PACKED):
                at = replace(place, table=cell.table, column=cell.column, row=cell.row)
                self.file(at, [cell.value], len(cell.value))
                self.files -= 1
                continue
            group.append(cell)
            size += len(cell.value)
            if size > _CELLS_BYTES:
                self._group(place, group)
                group, size = [], 0
        if group:
            self._group(place, group)

    # -- what came of it -------------------------------------------------------------------------------------------

    def flush(self) -> None:
        """Look up what waits. Raises: what looking up raises; then nothing is lost."""
        if self._look_up is not None:
            wanted: dict[str, dict[str, None]] = {}
            for hit in self._waiting:
                for form in hit.forms:
                    if (hit.kind, form) not in self._answers:
                        wanted.setdefault(hit.kind, {})[form] = None
            if wanted:
                asked = {kind: list(forms) for kind, forms in wanted.items()}
                for kind, answers in self._look_up(asked).items():
                    self._answers.update(
                        ((kind, form), answer)
                        for form, answer in zip(asked[kind], answers, strict=True)
                    )
        for hit in self._waiting:
            finding = self._judged(hit)
            if finding is not None:
                self.counts[finding.kind] += 1
                if len(self._found) < MOST_FINDINGS:
                    self._found.append((hit.number, finding))
        self._waiting.clear()
        if len(self._answers) > _MOST_REMEMBERED:
            self._answers.clear()

    def findings(self) -> list[Finding]:
        """Return what was found so far, in the order of the scan."""
        return [replace(found, times=self._times[number]) for number, found in self._found]

    def trace(
        self, where: Callable[[set[str]], Mapping[str, tuple[str | None, str | None]]], of: str
    ) -> None:
        """Name path and commit of what was found in objects of the history `of`."""
        ids = {f.object for _n, f in self._found if f.object is not None and f.file == of}
        if not ids:
            return
        known = where(ids)
        for place, (number, finding) in enumerate(self._found):
            if finding.object is not None and finding.file == of and finding.object in known:
                path, commit = known[finding.object]
                shown = finding.member if path is None else _inside(masked(path), finding.member)
                self._found[place] = (number, replace(finding, member=shown, commit=commit))

    # -- private ---------------------------------------------------------------------------------------------------

    def _looks(self, data: bytes) -> Iterator[tuple[Shape | Credential, int, str]]:
        """Yield what is in the data in any encoding, and where."""
        look = credentials if self._secrets else shapes
        for shape in look(data):
            yield shape, shape.start, "raw"
        yield from self._beneath(data, lambda position: position, (), look)

    def _beneath(
        self,
        data: bytes,
        origin: Callable[[int], int],
        outer: tuple[str, ...],
        look: Callable[[bytes], Iterator[Shape | Credential]],
    ) -> Iterator[tuple[Shape | Credential, int, str]]:
        for layer in layers(data):
            names = (*outer, layer.encoding)

            def back(position: int, inner: Callable[[int], int] = layer.origin) -> int:
                return origin(inner(position))

            for shape in look(layer.data):
                yield shape, back(shape.start), "+".join(names)
            if len(names) < DEPTH:
                yield from self._beneath(layer.data, back, names, look)

    def _group(self, place: Finding, cells: Sequence[Cell]) -> None:
        starts, total = [], 0
        for cell in cells:
            starts.append(total)
            total += len(cell.value) + len(_GAP)
        self.bytes += total
        for shape, start, encoding in self._looks(_GAP.join(cell.value for cell in cells)):
            which = bisect_right(starts, start) - 1
            cell = cells[which]
            at = replace(place, table=cell.table, column=cell.column, row=cell.row)
            self._add(replace(at, offset=start - starts[which]), encoding, shape)

    def _add(
        self, place: Finding, encoding: str, shape: Shape | Credential, *, told: bool = True
    ) -> None:
        if isinstance(shape, Shape):
            normal = {_NORMAL[shape.kind](form): None for form in shape.forms}
            forms, told, mark = tuple(form for form in normal if form), told and shape.told, None
        else:
            forms, mark = (shape.value,), shape.fingerprint
        kind = _kind(shape)
        if not forms or (self._look_up is None and not told):
            return
        if place.table is not None:
            self._in_tables.add((kind, forms[0]))
        elif (kind, forms[0]) in self._in_tables:
            return  # the same file once more, as it lies on the disk
        here = (place.file, place.member, place.table, place.column, place.row, place.object)
        key = (kind, forms[0], encoding, here)
        number = self._numbers.get(key)
        if number is None:
            number = self._numbers[key] = self._next
            self._next += 1
            finding = replace(place, kind=kind, encoding=encoding, fingerprint=mark)
            self._waiting.append(_Hit(finding, kind, forms, told, number))
        self._times[number] += 1
        if len(self._waiting) >= _AT_ONCE:
            self.flush()

    def _judged(self, hit: _Hit) -> Finding | None:
        answers = [self._answers.get((hit.kind, form)) for form in hit.forms]
        if hit.kind.startswith("secret."):
            (ours,) = answers
            return replace(hit.finding, ours=ours if isinstance(ours, str) else None)
        canary = next((a for a in answers if isinstance(a, str) and a.startswith(_CANARY)), None)
        if canary is not None:
            seller, number = map(int, canary.removeprefix(_CANARY).split(":"))
            return replace(hit.finding, kind="vault.canary", seller=seller, records=(number,))
        if hit.kind == Kind.TOKEN:
            if "forged" not in answers:
                return None
            return replace(hit.finding, kind="token.forged", token=hit.forms[0])
        numbers: set[int] = set()
        for answer in answers:
            if answer is not None and not isinstance(answer, str):
                numbers.update(answer)
        if numbers:
            return replace(
                hit.finding, kind=f"vault.{hit.kind}", records=tuple(sorted(numbers)[:10])
            )
        return replace(hit.finding, kind=f"shape.{hit.kind}") if hit.told else None

    def _forget(self) -> None:
        """Let the candidates of files gone by go; what was found is kept."""
        if len(self._numbers) > _MOST_REMEMBERED:
            self.flush()
            kept = {number for number, _finding in self._found}
            self._times = Counter({n: times for n, times in self._times.items() if n in kept})
            self._numbers.clear()
            self._in_tables.clear()


def _windows(parts: Iterable[bytes]) -> Iterator[tuple[bytes, bool]]:
    """Yield the bytes in windows, and whether each is the last; at least one."""
    held = bytearray()
    for part in parts:
        held += part
        while len(held) > _WINDOW_BYTES:
            yield bytes(held[:_WINDOW_BYTES]), False
            del held[:_WINDOW_BYTES]
    yield bytes(held), True


def _kind(shape: Shape | Credential) -> str:
    return shape.kind.value if isinstance(shape, Shape) else f"secret.{shape.kind}"


def _text(shape: Shape | Credential) -> str:
    return shape.forms[0] if isinstance(shape, Shape) else shape.value


def _inside(path: str, member: str | None) -> str:
    return path if member is None else f"{path}!{member}"
