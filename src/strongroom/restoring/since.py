"""What happened since a backup, out of what is left: the lost home's own database, or a copy or export of its log.

Nothing here is believed because it lies there. Entries are hashed on top of the tree that the backup holds and have to
lead to a checkpoint that the home's own key signed; only then is what they say done again. What the log says was
destroyed is destroyed; nothing in it ever brings anything back.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson
import sqlalchemy as sa

from strongroom.audit import EventType, ObjKind
from strongroom.audit.offline import WIDTH, tile_path
from strongroom.audit.tiles import TileReader
from strongroom.audit.tree import Frontier, frontier_at, leaf_hash
from strongroom.crypto.note import Checkpoint, Verifier, parse_checkpoint
from strongroom.db.engine import Database
from strongroom.db.schema import audit_event, audit_head
from strongroom.errors import Malformed, Misconfigured, StrongroomError, Tampered
from strongroom.terms import PeriodId, PrincipalId, RecordNumber
from strongroom.vault import Keystore

_ENTRIES: Final = "entries"
_LENGTH_BYTES: Final = 2
_MOST_NOTE: Final = 64 * 1024
_TAKEN: Final = frozenset(
    {
        EventType.PRINCIPAL_ENDED,
        EventType.GRANT_REVOKED,
        EventType.GRANT_NARROWED,
        EventType.CREDENTIAL_REVOKED,
        EventType.AUTHORIZATION_REVOKED,
        EventType.CERTIFICATE_REVOKED,
    }
)
"""What took something from somebody, and is taken from them again. What was narrowed is taken whole: who needs the
rest asks anew."""

_ACCESS: Final = frozenset(
    {
        EventType.BACKUP_CHANGE_APPROVED,
        EventType.ERASURE_STARTED,
        EventType.RECORD_CORRECTED,
        EventType.REQUEST_RESTRICTED,
        EventType.REQUEST_PERMITTED,
    }
)
"""What was done for somebody, or against somebody, and nothing here does again: people have to."""


@dataclass(frozen=True, slots=True)
class Since:
    """One source: the signed checkpoint it reaches, and its entries from a number on."""

    note: str
    entries: Callable[[int, int], Iterator[bytes]]
    vault: str = field(default="", repr=False)
    """The lost home's own database, whose emptied records are emptied again."""


@dataclass(slots=True)
class Replay:
    """What is to be done again, and what a person has to."""

    size: int = 0
    """How far the entries reach."""
    roots: dict[int, bytes] = field(default_factory=dict)
    periods: set[PeriodId] = field(default_factory=set)
    erased: set[RecordNumber] = field(default_factory=set)
    disposed: set[RecordNumber] = field(default_factory=set)
    taken: set[tuple[ObjKind, int]] = field(default_factory=set)
    suspended: dict[PrincipalId, bool] = field(default_factory=dict)
    """Whether who was suspended still was at the end."""
    access: dict[str, int] = field(default_factory=dict)
    vaults: list[str] = field(default_factory=list, repr=False)
    """The lost home's own databases."""

    def take(self, body: bytes) -> None:
        """Take the next entry."""
        entry: dict[str, Any] = orjson.loads(body)
        kind, named = entry["type"], entry.get("obj") or {}
        if entry["outcome"] != "success":
            return
        if kind == EventType.PERIOD_KEY_DESTROYED and named.get("kind") == ObjKind.PERIOD:
            self.periods.add(PeriodId(int(named["ref"])))
        elif kind in (EventType.RECORD_ERASED, EventType.RECORD_DISPOSED):
            records = self.erased if kind == EventType.RECORD_ERASED else self.disposed
            records.update(RecordNumber(number) for number in entry.get("records", ()))
            if named.get("kind") == ObjKind.RECORD and named["ref"].isdecimal():
                records.add(RecordNumber(int(named["ref"])))
        elif kind in _TAKEN:
            self.taken.add((ObjKind(named["kind"]), int(named["ref"])))
        elif kind in (EventType.PRINCIPAL_SUSPENDED, EventType.PRINCIPAL_RESTORED):
            self.suspended[PrincipalId(int(named["ref"]))] = kind == EventType.PRINCIPAL_SUSPENDED
        elif kind in _ACCESS:
            self.access[kind] = self.access.get(kind, 0) + 1


def open_since(path: Path, verifier: Verifier) -> Since:
    """Return what a path holds: a home or its `vault.db`, a file with its database's URL, or a copy of the log.

    Raises:
        Misconfigured: it holds neither.
        Tampered: its checkpoint is not the home's own.

    """
    database = path / "vault.db" if path.is_dir() else path
    if database.is_file():
        return _of_vault(_url_of(database), verifier.name)
    note = path / "checkpoint"
    if not note.is_file():
        raise Misconfigured(
            f"{path} is neither a home nor a copy of its log", hint="it holds a checkpoint"
        )
    text = note.read_bytes()[:_MOST_NOTE].decode(errors="replace")
    size = checkpoint_of(text, verifier).size
    return Since(text, lambda first, end: _of_tiles(path, size, first, end))


def checkpoint_of(note: str, verifier: Verifier) -> Checkpoint:
    """Return what a checkpoint of the home's own says. Raises: Tampered."""
    try:
        found = parse_checkpoint(verifier.verify(note))
    except Malformed:
        raise Tampered("what is given as checkpoint is none") from None
    if found.origin != verifier.name:
        raise Tampered("the checkpoint is of another log")
    return found


def epochs_after(keystore: Keystore, origin: str) -> list[str]:
    """Return the epochs that the signer remembers and the backup does not have."""
    prefix, _, number = origin.rpartition("/")
    return [
        known
        for known in keystore.signed_origins()
        if known.rpartition("/")[0] == prefix and int(known.rpartition("/")[2]) > int(number)
    ]


def read(
    since: Sequence[Since],
    database: Database,
    size: int,
    verifier: Verifier,
    wanted: Sequence[int],
) -> Replay:
    """Return what all sources say happened since the log had `size` entries, and its roots at the `wanted` sizes.

    Raises:
        Tampered: entries do not lead from the backup's tree to the signed checkpoint.

    """
    replay = Replay(size)
    with database.read() as tx:
        start = frontier_at(size, TileReader(tx))
    replay.roots[size] = start.root()
    replay.vaults = [source.vault for source in since if source.vault]
    for source in since:
        reached = checkpoint_of(source.note, verifier)
        if reached.size < size:
            continue
        _read(source, Frontier.parse(start.size, start.serialize()), reached, replay, wanted)
    return replay


def _read(
    source: Since, tree: Frontier, reached: Checkpoint, replay: Replay, wanted: Sequence[int]
) -> None:
    found = Replay()
    roots: dict[int, bytes] = {}
    try:
        for body in source.entries(tree.size, reached.size):
            tree.append(leaf_hash(body))
            found.take(body)
            if tree.size in wanted:
                roots[tree.size] = tree.root()
    except (ValueError, KeyError, TypeError) as exc:
        raise Tampered("an entry of the log since the backup does not have its form") from exc
    if tree.size != reached.size or tree.root() != reached.root:
        raise Tampered(
            "the log since the backup does not continue the backup's own",
            hint="was it changed, or is it of another home?",
        )
    roots[tree.size] = tree.root()
    replay.size = max(replay.size, tree.size)
    replay.roots |= roots
    replay.periods |= found.periods
    replay.erased |= found.erased
    replay.disposed |= found.disposed
    replay.taken |= found.taken
    for principal, suspended in found.suspended.items():
        replay.suspended[principal] = suspended or replay.suspended.get(principal, False)
    for kind, count in found.access.items():
        replay.access[kind] = max(replay.access.get(kind, 0), count)


def _url_of(path: Path) -> str:
    """Return the URL of a database file, or the one that a file holds."""
    with path.open("rb") as file:
        text = file.read(_MOST_NOTE)
    if text.startswith(b"postgresql+psycopg://"):
        return text.decode(errors="replace").strip()
    return f"sqlite:///{path}"


def _of_vault(url: str, origin: str) -> Since:
    number = int(origin.rpartition("/")[2])
    database = Database(url)
    try:
        with database.read() as tx:
            query = sa.select(audit_head.c.note).where(audit_head.c.epoch == number)
            note: str | None = tx.execute(query).scalar_one_or_none()
    except StrongroomError:
        raise Misconfigured("the lost home's database cannot be read") from None
    finally:
        database.close()
    if note is None:
        raise Misconfigured("the lost home's database holds no log of this home")
    return Since(note, lambda first, end: _bodies(url, first, end), url)


def _bodies(url: str, first: int, end: int) -> Iterator[bytes]:
    database = Database(url)
    try:
        with database.read() as tx:
            query = (
                sa.select(audit_event.c.body)
                .where(audit_event.c.seq >= first, audit_event.c.seq < end)
                .order_by(audit_event.c.seq)
            )
            for (body,) in tx.execute(query):
                if body is None:
                    raise Tampered("an entry of the log since the backup was given up")
                yield bytes(body)
    finally:
        database.close()


def _of_tiles(path: Path, size: int, first: int, end: int) -> Iterator[bytes]:
    for n in range(first // WIDTH, (end + WIDTH - 1) // WIDTH):
        width = min(WIDTH, size - n * WIDTH)
        try:
            raw = (path / tile_path(_ENTRIES, n, width)).read_bytes()
        except OSError:
            raise Tampered(
                f"entries from {n * WIDTH} on are missing in the copy of the log"
            ) from None
        for number, body in enumerate(_unframed(raw), n * WIDTH):
            if first <= number < end:
                yield body


def _unframed(raw: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(raw):
        length = int.from_bytes(raw[at : at + _LENGTH_BYTES], "big")
        at += _LENGTH_BYTES
        body = raw[at : at + length]
        if len(body) != length:
            raise Tampered("a bundle of entries ends in the middle of one")
        yield body
        at += length
