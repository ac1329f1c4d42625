"""Writes the log to another place as c2sp.org/tlog-tiles has it, if what lies there is a prefix of it.

A copy only grows: its checkpoint is replaced when everything that it promises lies there, and a tile that is there
already is read and compared, never written over. So an interrupted run is taken up by the next one, and a copy that
tells of another past, or of more than there is, stays as it is for whoever comes to look.
"""

from collections.abc import Iterator
from typing import Final

from strongroom.anchors.places import Place
from strongroom.anchors.rows import Failed
from strongroom.anchors.witness import Ahead, Views
from strongroom.audit import Reason
from strongroom.audit.export import framed
from strongroom.audit.offline import WIDTH, tile_path
from strongroom.audit.proving import Prover
from strongroom.crypto.note import Checkpoint, Verifier, parse_checkpoint
from strongroom.errors import Malformed, NotFound, Tampered

CHECKPOINT: Final = "checkpoint"
_LEVEL_BITS: Final = 8
_PAGE: Final = 16  # tiles read in one transaction, so that none stays open for long


def copy(place: Place, views: Views, note: str, size: int) -> int:
    """Bring a place up to a checkpoint of ours of `size` entries, and return how many files that took.

    Raises:
        Ahead: what lies there has more entries.
        Failed: it is of another past, is no log of ours, or the place can't be used.

    """
    with views() as view:
        vkey = view.vkey
    found = _checkpoint(place, Verifier(vkey))
    old = found.size if found is not None else 0
    if old > size:
        raise Ahead(old)
    if found is not None:
        _refuse_fork(views, found)
    written = 0
    for page in _pages(old, size):
        with views() as view:
            files = [file for tile in page for file in _files(view, *tile)]
        for name, content in files:
            written += _keep(place, name, content)
    if found is None or old < size:
        place.write(CHECKPOINT, note.encode())
        written += 1
    return written


def _checkpoint(place: Place, verifier: Verifier) -> Checkpoint | None:
    raw = place.read(CHECKPOINT)
    if raw is None:
        return None
    try:
        found = parse_checkpoint(verifier.verify(raw.decode()))
    except (UnicodeDecodeError, Malformed, Tampered):
        # Somebody else's log, or somebody's word for ours: neither is written over.
        raise Failed(Reason.FORKED) from None
    if found.origin != verifier.name:
        raise Failed(Reason.FORKED)
    return found


def _refuse_fork(views: Views, found: Checkpoint) -> None:
    try:
        with views() as view:
            root = view.root(found.size)
    except NotFound:
        raise Ahead(found.size) from None
    if root != found.root:
        raise Failed(Reason.FORKED)


def _keep(place: Place, name: str, content: bytes) -> int:
    there = place.read(name)
    if there is None:
        place.write(name, content)
        return 1
    if there != content:
        raise Failed(Reason.FORKED)
    return 0


def _files(view: Prover, level: int, n: int, width: int) -> Iterator[tuple[str, bytes]]:
    yield tile_path(level, n, width), view.tile(level, n, width)
    start = n * WIDTH
    # Entries below the minimum index may have no bytes any more (c2sp.org/tlog-tiles).
    if level == 0 and start >= view.minimum:
        yield tile_path("entries", n, width), framed(view.entries(start, start + width))


def _pages(old: int, size: int) -> Iterator[list[tuple[int, int, int]]]:
    """Give level, number and width of every tile that a log of `size` has and one of `old` had not."""
    page: list[tuple[int, int, int]] = []
    level = 0
    while size >> _LEVEL_BITS * level:
        before, now = old >> _LEVEL_BITS * level, size >> _LEVEL_BITS * level
        for n in range(before // WIDTH, (now + WIDTH - 1) // WIDTH):
            width = min(WIDTH, now - n * WIDTH)
            if n * WIDTH + width > before:
                page.append((level, n, width))
            if len(page) == _PAGE:
                yield page
                page = []
        level += 1
    if page:
        yield page
