"""Writes a bundle: a stretch of the log as files that prove themselves (docs/formats/audit-log.md) [1.6].

The files are those of c2sp.org/tlog-tiles, so that tools made for transparency logs read them. What
lies in a bundle depends on the log and the stretch alone: made twice, it has the same bytes, except
for the account of who made it. A directory is made by nobody else: one that holds anything but an
unfinished bundle of the same stretch is refused. Everything is for its owner alone, and durable.
"""

import base64
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from strongroom.audit import offline
from strongroom.audit.continuity import HINT
from strongroom.audit.offline import CUSTODY, FORMAT, MANIFEST, WIDTH, tile_path, widths
from strongroom.audit.proving import Proved, Prover
from strongroom.errors import Conflict, Gone, Malformed, NotFound, Tampered, Unavailable

MAX_PROOFS: Final = 1000
UNFINISHED: Final = "unfinished.json"
_PAGE: Final = 16  # tiles read in one transaction, so that none stays open for long

Views = Callable[[], AbstractContextManager[Prover]]
"""Opens a view of the log."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a bundle covers: the entries from `first` on, a multiple of 256, of a log of `size`."""

    origin: str
    first: int
    size: int
    proofs: tuple[int, ...]

    @property
    def ref(self) -> str:
        """Name it as an identifier of the log."""
        return f"{self.first}-{self.size}"


def settle(
    prover: Prover, directory: Path, first: int | None, size: int | None, proofs: Sequence[int]
) -> Stretch:
    """Return what a bundle in this directory will cover: what was begun there, or what is asked for.

    `first` is taken down to the start of its tile, since a bundle holds whole tiles.

    Raises:
        Conflict: the directory holds something, or an unfinished bundle of another stretch.
        Malformed: the stretch is none, or a proof is asked for outside it.
        NotFound: the log has never had that many events.
        Gone: it begins below the minimum index.

    """
    begun = _begun(directory)
    end = size if size is not None else prover.size
    start = prover.minimum if first is None else first // WIDTH * WIDTH
    asked = Stretch(prover.origin, start, end, tuple(sorted(set(proofs))))
    if begun is not None:
        same = begun.origin == asked.origin and (size is None or size == begun.size)
        if not same or (first is not None and asked.first != begun.first):
            raise Conflict("the directory holds an unfinished bundle of another stretch")
        return begun
    if not 0 < end <= prover.size:
        raise NotFound(f"the log has never had {end} events", hint=f"it has {prover.size}")
    if not 0 <= (start if first is None else first) < end:
        raise Malformed("a bundle holds at least one event")
    if start < prover.minimum:
        raise Gone(f"entries below {prover.minimum} were given up", hint="leave out --from")
    if any(0 <= seq < prover.minimum for seq in asked.proofs):
        raise Gone(f"entries below {prover.minimum} were given up", hint="`audit prove` has hashes")
    if len(asked.proofs) > MAX_PROOFS or any(not 0 <= seq < end for seq in asked.proofs):
        raise Malformed(f"up to {MAX_PROOFS} proofs, each of an event below --to")
    return asked


def write(
    views: Views, directory: Path, stretch: Stretch, progress: Callable[[int, int], None]
) -> str:
    """Write everything but the account of who made it, check it, and return the manifest's SHA-256.

    What an interrupted run has written already is kept; files appear whole or not at all.

    Raises:
        Tampered: what was written does not verify; it stays there, unfinished, to be looked at.
        Unavailable: the directory can't be written.

    """
    try:
        return _Writer(views, directory, stretch).write(progress)
    except OSError as exc:
        raise Unavailable(f"the bundle can't be written: {exc.strerror}") from exc


def finish(directory: Path, size: int, prover: Prover, events: Iterable[int]) -> None:
    """Add the account: each of these events, with the proof that it stands in the log that grew on.

    Raises:
        Tampered: the log does not continue the bundle.
        Unavailable: the directory can't be written.

    """
    growth = [base64.b64encode(hash_).decode() for hash_ in prover.growth(size, prover.size).proof]
    lines = []
    for seq in events:
        proved = prover.event(seq)
        if proved.entry is not None:
            line = {"consistency": growth, "entry": proved.entry.decode(), "proof": proved.proof}
            lines.append(_canonical(line))
    try:
        _put(directory / CUSTODY, b"".join(lines))
        (directory / UNFINISHED).unlink()
        _sync(directory)
    except OSError as exc:
        raise Unavailable(f"the bundle can't be written: {exc.strerror}") from exc


def save_proofs(directory: Path, proofs: Collection[Proved]) -> list[str]:
    """Write proofs beside the entries they prove, and return the files' names.

    Raises:
        Conflict: a file of that name is there already; nothing was written.
        Unavailable: the directory can't be written.

    """
    files = {name: content for proved in proofs for name, content in _proof_files(proved)}
    try:
        if directory.is_symlink() or any((directory / name).exists() for name in files):
            raise Conflict("a proof of that event lies in the directory already")
        directory.mkdir(mode=0o700, exist_ok=True)
        for name, content in files.items():
            _put(directory / name, content)
        _sync(directory)
    except OSError as exc:
        raise Unavailable(f"the proofs can't be written: {exc.strerror}") from exc
    return sorted(files)


class _Writer:
    """One run of writing one bundle."""

    def __init__(self, views: Views, directory: Path, stretch: Stretch) -> None:
        self._views = views
        self._directory = directory
        self._stretch = stretch
        self._digests: dict[str, str] = {}

    def write(self, progress: Callable[[int, int], None]) -> str:
        stretch = self._stretch
        self._begin()
        with self._views() as view:
            key = view.vkey
            self._keep("checkpoint", lambda: view.note(stretch.size).encode())
            self._keep("key", f"{key}\n".encode)
            self._keep("checkpoints.jsonl", lambda: _checkpoints(view, stretch.size))
            self._keep("verify.py", Path(offline.__file__).read_bytes)
            for seq in stretch.proofs:
                for name, content in _proof_files(view.event(seq, stretch.size)):
                    self._keep(f"proofs/{name}", partial(bytes, content))
        self._keep_tiles(progress)
        manifest = {
            "files": self._digests,
            "format": FORMAT,
            "from": stretch.first,
            "origin": stretch.origin,
            "size": stretch.size,
        }
        content = _canonical(manifest)
        _put(self._directory / MANIFEST, content)
        for path in (self._directory, *self._directory.rglob("*")):
            if path.is_dir():
                _sync(path)
        self._check(key, progress)
        return sha256(content).hexdigest()

    def _begin(self) -> None:
        self._directory.mkdir(mode=0o700, exist_ok=True)
        self._directory.chmod(0o700)
        begun = self._directory / UNFINISHED
        if not begun.exists():
            stretch = self._stretch
            _put(
                begun,
                _canonical(
                    {
                        "from": stretch.first,
                        "origin": stretch.origin,
                        "proofs": stretch.proofs,
                        "size": stretch.size,
                    }
                ),
            )
            _sync(self._directory)

    def _keep_tiles(self, progress: Callable[[int, int], None]) -> None:
        size = self._stretch.size
        level = 0
        while size >> 8 * level:
            for page in _pages(widths(size, level)):
                with self._views() as view:
                    for n, width in page:
                        self._keep_tile(view, level, n, width)
                if level == 0:
                    progress(min(size, (page[-1][0] + 1) * WIDTH), size)
            level += 1

    def _keep_tile(self, view: Prover, level: int, n: int, width: int) -> None:
        self._keep(tile_path(level, n, width), lambda: view.tile(level, n, width))
        start = n * WIDTH
        if level == 0 and start >= self._stretch.first:
            name = tile_path("entries", n, width)
            self._keep(name, lambda: _framed(view.entries(start, start + width)))

    def _keep(self, name: str, content: Callable[[], bytes]) -> None:
        """Have a file, from an earlier run or now, and its digest for the manifest."""
        path = self._directory / name
        if path.is_file() and not path.is_symlink():
            raw = path.read_bytes()
        else:
            raw = content()
            for parent in reversed(path.relative_to(self._directory).parents[:-1]):
                (self._directory / parent).mkdir(mode=0o700, exist_ok=True)
            _put(path, raw)
        self._digests[name] = sha256(raw).hexdigest()

    def _check(self, key: str, progress: Callable[[int, int], None]) -> None:
        """Have the bundle's own verifier look before anybody else does."""
        report = offline.check(self._directory, key, custody=False, progress=progress)
        faults = [fault for fault in report.faults if UNFINISHED not in fault]
        if faults:
            raise Tampered(
                f"audit log: the bundle does not verify: {faults[0]}",
                hint=f"if the log is sound, remove the directory and begin again; else {HINT}",
            )


def _begun(directory: Path) -> Stretch | None:
    """Return what was begun in a directory, None where nothing was. Raises: Conflict."""
    try:
        if directory.is_symlink() or (directory.exists() and not directory.is_dir()):
            raise Conflict("a bundle needs a directory of its own")
        if not directory.exists() or not any(directory.iterdir()):
            return None
        found: Any = json.loads((directory / UNFINISHED).read_bytes())
        return Stretch(found["origin"], found["from"], found["size"], tuple(found["proofs"]))
    except FileNotFoundError:
        raise Conflict(
            "the directory is not empty, and nothing is overwritten", hint="name a new one"
        ) from None
    except (ValueError, KeyError, TypeError):
        raise Conflict("the directory holds a damaged unfinished bundle") from None
    except OSError as exc:
        raise Unavailable(f"the directory can't be read: {exc.strerror}") from exc


def _checkpoints(view: Prover, size: int) -> bytes:
    return b"".join(_canonical({"note": text}) for _, text in view.checkpoints(size))


def _proof_files(proved: Proved) -> Iterator[tuple[str, bytes]]:
    if proved.entry is not None:
        yield f"{proved.seq}.entry", proved.entry
    else:
        yield f"{proved.seq}.leaf", proved.leaf.hex().encode() + b"\n"
    yield f"{proved.seq}.tlog-proof", proved.proof.encode()


def _framed(entries: Iterable[bytes]) -> bytes:
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def _pages(tiles: Iterable[tuple[int, int]]) -> Iterator[list[tuple[int, int]]]:
    page: list[tuple[int, int]] = []
    for tile in tiles:
        page.append(tile)
        if len(page) == _PAGE:
            yield page
            page = []
    if page:
        yield page


def _canonical(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode() + b"\n"


def _put(path: Path, content: bytes) -> None:
    """Write a file whole: under its name it is complete and on the disk, or not there."""
    temporary = path.with_name(f".{path.name}.new")
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
