"""What this installation lies on: volumes of home and database, the database's host, the operating system [2.7].

Reads what the machine says of itself. A fact that can't be read says so and is never left out: a difference would not
show.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from strongroom.db.engine import Database
from strongroom.errors import StrongroomError

UNREAD: Final = "can't be read"
_LONGEST: Final = 200
_MOST_BYTES: Final = 1024 * 1024
_FIELDS: Final = 5
"""proc(5): the fields of a mount before the optional ones."""


def storage_facts(home: Path, database: Database, root: Path = Path("/")) -> Mapping[str, str]:
    """Return the facts by name. `root` is where the machine's own files are."""
    facts = {**_place("home", home, root), "machine.system": _system(root)}
    if database.path is not None:
        facts["database.engine"] = "sqlite"
        return {**facts, **_place("database", database.path.parent, root)}
    return {**facts, **_server(database)}


def _place(name: str, path: Path, root: Path) -> dict[str, str]:
    """Return the device, the filesystem and the volume under a directory."""
    source, filesystem = _mount(path, root)
    try:
        found = f"{os.statvfs(path).f_fsid:x}"
        # 0 says that a filesystem has no identity of its own; the device then tells alone.
        volume = found if found != "0" else "none"
    except OSError:
        volume = UNREAD
    return {
        f"{name}.device": source[:_LONGEST],
        f"{name}.filesystem": filesystem[:_LONGEST],
        f"{name}.volume": volume,
    }


def _mount(path: Path, root: Path) -> tuple[str, str]:
    """Return source and type of the mount a path lies on: the one mounted last at the longest way to it."""
    try:
        real = path.resolve(strict=True)
        with (root / "proc/self/mountinfo").open(encoding="utf-8", errors="replace") as file:
            lines = file.read(_MOST_BYTES).splitlines()
    except OSError:
        return UNREAD, UNREAD
    best: tuple[int, str, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, said = before.split(), after.split()
        if len(fields) < _FIELDS or len(said) < 2:  # noqa: PLR2004 - type and source
            continue
        point = Path(fields[4].replace("\\040", " "))
        if real.is_relative_to(point) and (best is None or len(point.parts) >= best[0]):
            best = len(point.parts), said[1], said[0]
    return (UNREAD, UNREAD) if best is None else best[1:]


def _system(root: Path) -> str:
    try:
        with (root / "etc/os-release").open(encoding="utf-8", errors="replace") as file:
            pairs = (line.partition("=") for line in file.read(_MOST_BYTES).splitlines())
            said = {name: value.strip('"') for name, _, value in pairs}
    except OSError:
        return UNREAD
    return f"{said.get('ID', UNREAD)} {said.get('VERSION_ID', 'rolling')}"[:_LONGEST]


def _server(database: Database) -> dict[str, str]:
    """Return where PostgreSQL runs, and the identity its cluster was made with."""
    asked = {
        "database.engine": "'postgresql ' || split_part(current_setting('server_version'), '.', 1)",
        "database.host": "coalesce(host(inet_server_addr()), 'socket') || ':' || current_setting('port')",
        "database.system": "(pg_control_system()).system_identifier::text",
    }
    return {name: _said(database, expression) for name, expression in asked.items()}


def _said(database: Database, expression: str) -> str:
    try:
        with database.read() as tx:
            found = tx.execute(sa.select(sa.literal_column(expression))).scalar()
    except (sa.exc.DBAPIError, StrongroomError):
        # Some servers let only their administrators read it; the host then tells alone.
        return UNREAD
    return UNREAD if found is None else str(found)[:_LONGEST]
