"""Searches every file below a directory for known values, write-ahead logs and the names of files included.

Files are read in parts, so that memory does not grow with them. Compressed and encrypted files are
searched as they are: what is inside is not seen.
"""

import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from strongroom.errors import Unavailable
from strongroom.leaks.needles import Hit, Needles

_PART_BYTES: Final = 256 * 1024


@dataclass(frozen=True, slots=True, order=True)
class FileHit:
    """One value found in one file. `path` may itself hold the value: then `in_name` says so."""

    path: Path
    hit: Hit
    in_name: bool = False


def search_tree(
    directory: Path, needles: Needles, progress: Callable[[int], None] | None = None
) -> list[FileHit]:
    """Return every value found in a regular file below the directory, or in its name; sorted.

    Links are not followed. A file that goes away meanwhile is left out. `progress` hears of bytes read.

    Raises:
        Unavailable: a file or directory cannot be read, so nothing can be said of it.

    """
    found: list[FileHit] = []
    for path in sorted(_files(directory)):
        name = os.fsencode(path.relative_to(directory))
        found.extend(FileHit(path, hit, in_name=True) for hit in needles.search(name))
        try:
            found.extend(FileHit(path, hit) for hit in _search_file(path, needles, progress))
        except FileNotFoundError:
            continue
        except OSError as exc:
            raise Unavailable(f"{path} cannot be searched: {exc.strerror}") from None
    return found


def _search_file(path: Path, needles: Needles, progress: Callable[[int], None] | None) -> list[Hit]:
    stream = needles.stream()
    with path.open("rb", buffering=0) as file:
        while part := file.read(_PART_BYTES):
            stream.feed(part)
            if progress is not None:
                progress(len(part))
    return stream.hits()


def _files(directory: Path) -> Iterator[Path]:
    def refuse(exc: OSError) -> None:
        raise Unavailable(f"{exc.filename} cannot be searched: {exc.strerror}") from None

    for root, _directories, names in os.walk(directory, onerror=refuse):
        for name in names:
            path = Path(root, name)
            try:
                regular = stat.S_ISREG(path.lstat().st_mode)
            except FileNotFoundError:
                continue
            if regular:
                yield path
