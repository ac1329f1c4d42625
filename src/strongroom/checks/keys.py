"""Looks at what lies on the disk and who may reach it: sealed values, keys, sockets, copies [2.3, 2.4]."""

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from strongroom.app import System, database_urls, passphrase_path
from strongroom.audit import EventType
from strongroom.checks.check import (
    DAILY,
    HOURLY,
    Check,
    Look,
    count,
    duties,
    failed,
    passed,
    some,
    unknown,
)
from strongroom.compliance.overseen import Finding
from strongroom.errors import StrongroomError
from strongroom.home import too_open
from strongroom.leaks.report import masked
from strongroom.posture import State, Surroundings, machine
from strongroom.terms import Environment

_AGE: Final = b"age-encryption.org/v1"
_BLOCK: Final = 4 * 1024 * 1024
_MOST_BYTES: Final = 256 * 1024 * 1024
"""Of one file in one look; of a larger one blocks that lie evenly over it."""

_OTHERS: Final = 0o077


def at_rest(system: System, now: datetime) -> Finding:
    """Look for canaries' values, in clear, in every file of the databases, their logs and the backups."""
    del now
    needles = [marker.encode() for marker in sorted(system.vault.canaries.markers())[:64]]
    if not needles:
        return unknown("there are no canaries to look for", "`strongroom canary plant`")
    if system.database.path is None:
        remedy = "`strongroom scan` with the database's address"
        return unknown("the database's files are on another machine", remedy)
    found, read = [], 0
    for path in _stored(system):
        for block in _blocks(path):
            read += len(block)
            if any(needle in block for needle in needles):
                found.append(masked(path.name))
                break
    if found:
        why = f"values in clear in {count(len(found), 'file')}"
        return failed(why, "an incident; `strongroom scan` says where", *found[:10])
    return passed(
        "no canary's value lies in clear in databases and backups",
        f"{read:,} bytes, {len(needles)} values, AES-256-GCM under a key for each record",
    )


def files(system: System, now: datetime) -> Finding:
    """See that home, keys and passphrase are for their owner alone, and the passphrase lies elsewhere."""
    del now
    faults = too_open(system.home)
    if faults:
        why = f"{count(len(faults), 'file')} of the home open to others"
        shown = [masked(one.path.name) for one in faults[:10]]
        return failed(why, f"`strongroom doctor` names each; such as {shown[0]}", *shown)
    path = passphrase_path(system.settings)
    if path is not None and path.exists():
        if stat.S_IMODE(path.stat().st_mode) & _OTHERS:
            return failed("the passphrase's file is open to others", f"chmod 600 {path}")
        beside = path.resolve().is_relative_to(system.home.root.resolve())
        if beside and system.settings.environment is Environment.PRODUCTION:
            return failed("the passphrase lies beside the keys it opens", "keep it elsewhere")
    return passed("files of the home and the passphrase are for their owner alone")


def apart(system: System, now: datetime) -> Finding:
    """See that keystore and vault are two databases, and that no copy of the keystore outlives its time."""
    try:
        vault, keys = database_urls(system.home, system.settings)
    except StrongroomError as exc:
        return failed(exc.message, exc.hint or "docs/keys.md")
    if faults := system.copies.faults(now):
        return failed(
            "; ".join(faults), "`strongroom keys destroy-copy`: its keys open what is due"
        )
    copies = len(system.copies.listed())
    kinds = " and ".join(url.partition(":")[0] for url in (vault, keys))
    return passed(
        "the keystore is a database of its own", f"{kinds}; {copies} copies, none too old"
    )


def memory(surroundings: Surroundings) -> Look:
    """Return what looks whether a crash of this process would write its memory somewhere."""

    def look(system: System, now: datetime) -> Finding:
        del system, now
        seen = machine.core_dumps(surroundings)
        if seen.state is State.OK:
            return passed(f"core dumps: {seen.seen}")
        return failed(f"core dumps: {seen.seen}", seen.remedy or "ulimit -c 0")

    return look


def callers(system: System, now: datetime) -> Finding:
    """Hold the last day's reads against the grants they were made under, and see who may reach the socket."""
    socket = system.home.control
    if socket.exists():
        status = socket.lstat()
        owner = system.home.root.stat().st_uid
        if stat.S_IMODE(status.st_mode) & _OTHERS or status.st_uid != owner:
            why = "the socket of commands is open to others than the home's owner"
            return failed(why, f"chmod 600 {socket}; find out who changed it")
    held = {row.grant.id: row.grant.principal for row in system.grants.all()}
    strange, reads = [], 0
    for entry in system.audit.of_types((EventType.RECORD_REVEALED,), now - DAILY):
        if entry.outcome != "success" or not entry.body:
            continue
        reads += 1
        if held.get(entry.body.get("dec") or 0) != entry.body["actor"]["id"]:
            strange.append(entry.seq)
    if strange:
        why = f"{count(len(strange), 'read')} by who holds no such grant"
        return failed(why, "an incident: `strongroom audit tail`", f"entries {some(strange)}")
    return passed("only holders of grants had anything opened", f"{reads:,} reads of a day")


def exports(system: System, now: datetime) -> Finding:
    """Read the head of every file that leaves this home: backups and archives are sealed."""
    del now
    bare, seen = [], 0
    for directory in (system.home.backups, system.home.archive):
        for path in sorted(directory.rglob("*")):
            if not path.is_file() or path.name.startswith(".") or path.suffix == ".json":
                continue
            seen += 1
            with path.open("rb") as file:
                if file.read(len(_AGE)) != _AGE:
                    bare.append(masked(path.name))
    if bare:
        why = f"{count(len(bare), 'file')} not sealed among backups and archives"
        return failed(why, "remove it, and find out who put it there", *bare[:10])
    return passed(f"{count(seen, 'file')} to leave this home, each sealed with age")


def _stored(system: System) -> Iterator[Path]:
    databases = (system.home.vault_database, system.home.keys_database)
    for database in databases:
        yield from sorted(database.parent.glob(f"{database.name}*"))
    yield from sorted(path for path in system.home.backups.rglob("*") if path.is_file())


def _blocks(path: Path) -> Iterator[bytes]:
    """Give a file's blocks, of a large one those that lie evenly over it; each with some of the one before."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            step = max(_BLOCK, _BLOCK * size // _MOST_BYTES)
            for start in range(0, size, step):
                file.seek(max(start - 256, 0))
                yield file.read(_BLOCK + 256)
    except FileNotFoundError:  # a write-ahead log comes and goes
        return


CHECKS: Final = (
    Check(
        "rest.sealed",
        duties("2.4-a"),
        DAILY,
        "files of the databases, their write-ahead logs and backups, for canaries' values in clear",
        "none is there",
        at_rest,
    ),
    Check(
        "keys.files",
        duties("2.4-b"),
        HOURLY,
        "owners and modes of the home's files and of the passphrase",
        "all are for their owner alone",
        files,
    ),
    Check(
        "keys.apart",
        duties("2.4-b"),
        HOURLY,
        "where keystore and vault lie, and the copies of the keystore",
        "two databases, and no copy older than it may be",
        apart,
    ),
    Check(
        "keys.memory",
        duties("2.4-b"),
        HOURLY,
        "what the kernel would do with this process's memory",
        "core dumps are off",
        memory(Surroundings()),
    ),
    Check(
        "keys.callers",
        duties("2.4-c"),
        HOURLY,
        "the socket of commands, and the last day's reads against the grants",
        "only the owner reaches the socket, and each read was its grant's holder's",
        callers,
    ),
    Check(
        "exports.sealed",
        duties("2.3-e"),
        HOURLY,
        "the head of every backup and archive",
        "each is sealed with age",
        exports,
    ),
)
