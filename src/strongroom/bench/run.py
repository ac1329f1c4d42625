"""Runs the parts of the benchmark one after the other, each in a home of its own."""

import os
import platform
import sqlite3
import ssl
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from strongroom.bench import answers, disposal, documents, keeping, log, pages, records
from strongroom.bench.figures import Part, Row
from strongroom.bench.stage import Stage, stage
from strongroom.serve import tune_memory

_LIBRARIES: Final = ("aiohttp", "cryptography", "orjson", "sqlalchemy", "uvicorn", "uvloop")


@dataclass(frozen=True, slots=True)
class _Size:
    rounds: int
    pages: int
    batches: int
    events: int
    reveals: int
    rows: int
    due: int
    kept: int


_FULL: Final = _Size(
    rounds=8, pages=40, batches=12, events=40, reveals=2000, rows=20_000, due=100_000, kept=20_000
)
_QUICK: Final = _Size(
    rounds=1, pages=4, batches=1, events=3, reveals=20, rows=300, due=1_000, kept=500
)


def run(directory: Path, *, only: Part | None = None, quick: bool = False) -> Iterator[Row]:
    """Yield the rows as they are found; `directory` says which disk is measured.

    `quick` shows that it works, in seconds; its figures are worth nothing.

    Raises:
        Unavailable: a part did not start, or the disk is full.

    """
    size = _QUICK if quick else _FULL
    parts: list[tuple[Part, Callable[[Stage], list[Row]]]] = [
        (Part.PAGES, lambda s: pages.measure(s, rounds=size.rounds, pages=size.pages)),
        (Part.RECORDS, lambda s: records.measure(s, rounds=size.rounds, batches=size.batches)),
        (Part.LOG, lambda s: log.measure(s, rounds=size.rounds, batches=size.events)),
        (Part.REVEAL, lambda s: records.measure_reveal(s, reveals=size.reveals)),
        (Part.DOCUMENTS, lambda s: documents.measure(s, rounds=size.rounds, rows=size.rows)),
        (Part.REVEAL, lambda s: answers.measure(s, reveals=size.reveals)),
        (Part.DISPOSAL, lambda s: disposal.measure(s, records=size.due)),
        (Part.KEEPING, lambda s: keeping.measure(s, records=size.kept)),
    ]
    tune_memory()  # as serve does
    for part, measure in parts:
        if only in (None, part):
            with stage(directory) as place:
                yield from measure(place)


def machine() -> dict[str, str]:
    """Return what the figures depend on."""
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "openssl": ssl.OPENSSL_VERSION.split()[1],
        **{name: version(name) for name in _LIBRARIES},
    }


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
