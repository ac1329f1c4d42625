"""Appends events to the log inside the caller's transaction, signs its head, and publishes checkpoints.

An event is durable exactly when the change it tells of is: both stand in one transaction. Each append
moves the head row and stores a note signed for exactly that size, so that no state of the database
lacks a signature over all it holds (docs/formats/audit-log.md, ADR 0020 and 0021). The signer's memory
lives in another database: a log that was set back to an earlier state is refused, never continued.
"""

import hmac
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol, cast

import orjson
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from strongroom.audit.catalogue import refuse_undeclared
from strongroom.audit.combining import Combining, Take
from strongroom.audit.continuity import HINT, prove_growth, reread_growth, trusted
from strongroom.audit.entry import (
    ENTROPY_BYTES,
    Event,
    Stamp,
    canonical,
    is_id,
    micros,
)
from strongroom.audit.epochs import Earlier, ended
from strongroom.audit.moving import Moving
from strongroom.audit.proving import Prover
from strongroom.audit.pruning import minimum_index
from strongroom.audit.reading import EVENTS, Reader
from strongroom.audit.tiles import read_tile, store_whole_tiles
from strongroom.audit.tree import EMPTY_ROOT, Frontier, leaf_hash
from strongroom.audit.verify import Head, StoredEvent, VerifyReport, check
from strongroom.crypto import note
from strongroom.db.engine import Database, Transaction
from strongroom.db.prepared import driver_rows
from strongroom.db.schema import audit_checkpoint, audit_event, audit_head, audit_tile
from strongroom.db.turns import take_turn
from strongroom.errors import Gone, Malformed, Tampered

_PSEUDONYM_BYTES: Final = 16
_PAGE: Final = 1000
_LOOKBACK: Final = 64
_KEEP_EVERY: Final = timedelta(minutes=1)

_HEAD: Final = sa.select(audit_head.c.size, audit_head.c.frontier, audit_head.c.note).where(
    audit_head.c.epoch == sa.bindparam("at_epoch")
)
# SQLite has no row locks and needs none: its write transaction is the only one.
_LOCKED_HEAD: Final = _HEAD.with_for_update()
_FIRST_HEAD: Final = sa.text(
    "INSERT INTO audit_head (epoch, size, frontier, note)"
    " VALUES (:epoch, 0, :frontier, :note) ON CONFLICT DO NOTHING"
)
_LATEST_CHECKPOINT: Final = (
    sa.select(audit_checkpoint.c.size, audit_checkpoint.c.stored_at)
    .order_by(audit_checkpoint.c.size.desc())
    .limit(1)
)


class SignerMemory(Protocol):
    """The last checkpoint the signer vouched for, kept where the log's own database cannot reach it."""

    def last(self) -> tuple[int, bytes] | None:
        """Return size and root, None before the first."""
        ...

    def remember(self, size: int, root: bytes) -> None:
        """Keep size and root; durable on return."""
        ...


@dataclass(frozen=True, slots=True)
class _Mine:
    """Where this process last put the head, and the number its next event takes."""

    size: int
    frontier: bytes
    nseq: int


_Told = list[tuple[Event, datetime]]
"""Events, and when each was told."""


class AuditLog(Reader):
    """The log of one home, as one process writes it. Safe between threads.

    `node` names this machine and `boot` this run of the process: no two runs share both. `monotonic`
    returns nanoseconds, `entropy` that many random bytes. `earlier` are the epochs before this one, and
    `later` a newer one that the signer remembers: then the log was set back.

    Raises:
        Malformed: `node` or `boot` has not the bounded form of an identifier.

    """

    def __init__(  # noqa: PLR0913 - wired once, by name
        self,
        database: Database,
        *,
        signer: note.Signer,
        verifier: note.Verifier,
        memory: SignerMemory,
        node: str,
        boot: str,
        pseudonym_key: bytes,
        monotonic: Callable[[], int],
        entropy: Callable[[int], bytes],
        checkpoint_path: Path | None = None,
        epoch: int = 1,
        earlier: Sequence[Earlier] = (),
        later: int | None = None,
    ) -> None:
        if not is_id(node) or not is_id(boot):
            raise Malformed("audit: node or boot is no identifier")
        super().__init__(database)
        self._signer = signer
        self._verifier = verifier
        self._memory = memory
        self._node = node
        self._boot = boot
        self._pseudonyms = hmac.new(pseudonym_key, digestmod="sha256")
        self._monotonic = monotonic
        self._entropy = entropy
        self._checkpoint_path = checkpoint_path
        self._epoch = epoch
        self._earlier = earlier
        self._later = later
        self._publishing = threading.Lock()
        self._moving = Moving()
        self._mine: _Mine | None = None
        self._first_size: int | None = None
        self._recording: Combining[_Told] = Combining(self._record)

    @property
    def origin(self) -> str:
        """The name every checkpoint opens with; also the signing key's."""
        return self._signer.name

    def append(self, tx: Transaction, *events: Event, now: datetime) -> None:
        """Record the events, in their order, as part of the caller's write transaction.

        Durable when the transaction is, undone with it. Call it last in the transaction: on PostgreSQL
        it locks the head until the commit, and whoever locks rows after it can meet a deadlock.

        Raises:
            Malformed: an event has a member that its type does not have.
            Unavailable: another thread has the head and does not end its transaction.
            Tampered: the log is not what its signer vouched for; nothing may be done unrecorded, so
                the caller's transaction must not be committed.

        """
        for event in events:
            refuse_undeclared(event)
        if events:
            self._append(tx, [(event, now) for event in events])

    def hold(self, tx: Transaction) -> None:
        """Let nobody append anything until this transaction ends. Raises: Unavailable, as `append`."""
        take_turn(tx)
        tx.execute(_LOCKED_HEAD, {"at_epoch": self._epoch})

    def record(self, *events: Event, now: datetime) -> None:
        """Append the events in a transaction of their own; durable on return.

        What other threads record meanwhile goes into the same one: one move of the head, one signature.

        Raises:
            Malformed, Tampered: as `append`; nothing was recorded.
            Unavailable: the database does not answer, or its disk is full; nothing was recorded.

        """
        # Before it meets the events of others, which must not fail with it.
        for event in events:
            refuse_undeclared(event)
        if events:
            # Another thread may lead, and wait for the very unit that this one is in.
            self._database.refuse_nested()
            self._recording.add([(event, now) for event in events])

    def _record(self, take: Take[_Told]) -> None:
        with self._database.write() as tx:
            # Now, not before: others came while this thread waited for its turn.
            self._append(tx, [told for part in take() for told in part])

    def _append(self, tx: Transaction, told: _Told) -> None:
        take_turn(tx)
        # What this process remembers holds only while the head stands exactly where it left it: the
        # transaction may have been rolled back, or another node may have written.
        mine = self._mine
        if mine is not None and self._append_at(tx, mine, told):
            return
        if not self._append_at(tx, self._look_up(tx), told):
            raise Tampered("audit log: the head moved under its lock", hint=HINT)

    def checkpoint(self, now: datetime) -> str:
        """Return the note of the log as it stands, after remembering and publishing it.

        The events since the remembered checkpoint are read back and hashed again first: what is
        published was on the disk, and continues what was published before. One a minute is also
        stored for good, so that calling this every second leaves no heap to verify.

        Raises:
            Tampered: the log does not continue what the signer remembers; nothing was published.

        """
        with self._publishing:
            # Asked before the head is read: what it names is in the head already.
            last = self._memory.last()
            with self._database.read() as tx:
                head = self._read_head(tx)
                if head is None:
                    raise Tampered("audit log: there is no head to publish", hint=HINT)
                root = trusted(head, self._verifier).root()
                reread_growth(tx, last, head.size, root)
                latest = tx.execute(_LATEST_CHECKPOINT).one_or_none()
            if last is None or head.size > last[0]:
                # The memory must not hold what the log could lose with its server.
                self._database.flush()
                self._memory.remember(head.size, root)
            if latest is None or (head.size > latest.size and _is_due(latest.stored_at, now)):
                with self._database.write() as tx:
                    row = {"size": head.size, "note": head.note, "stored_at": now}
                    tx.execute(sa.insert(audit_checkpoint), row)
            if self._checkpoint_path is not None:
                _replace_file(self._checkpoint_path, head.note.encode())
        return head.note

    def verify(
        self,
        *,
        full: bool = True,
        set_back: bool = False,
        progress: Callable[[int, int], None] | None = None,
    ) -> VerifyReport:
        """Return every fault of the log; `progress` is told the events done and in all.

        One consistent view: the log may grow meanwhile. Without `full` no event is read: only the
        head, its signature, and that the tree continues what the signer remembers. `set_back` asks of a
        log known to have been set back whether it is whole otherwise.
        """
        # Asked before the head is read: what it names is in the head already.
        memory = self._memory.last()
        if not full:
            return self._verify_head(memory)
        with self._database.read() as tx:
            head = self._read_head(tx)
            if set_back and memory is not None and head is not None and memory[0] > head.size:
                memory = None
            events = driver_rows(tx, EVENTS.order_by(audit_event.c.seq))
            checkpoints = sa.select(audit_checkpoint.c.size, audit_checkpoint.c.note)
            tiles = sa.select(audit_tile.c.level, audit_tile.c.n, audit_tile.c.width)
            report = check(
                cast("Iterable[StoredEvent]", events),  # of the same columns, not copied
                head=head,
                checkpoints=[(row.size, row.note) for row in tx.execute(checkpoints)],
                tiles={(row.level, row.n): row.width for row in tx.execute(tiles)},
                tile=lambda level, n: read_tile(tx, level, n),
                verifier=self._verifier,
                memory=memory,
                minimum=minimum_index(tx),
                ended=ended(tx, self._earlier),
                progress=progress,
            )
        if self._later is not None and not set_back:
            report.faults.insert(0, self._is_old())
        return report

    @property
    def epoch(self) -> int:
        """The number of the present epoch: 1, and one more after each unavoidable rollback."""
        return self._epoch

    def gaps(self) -> list[str]:
        """Return what each rollback lost."""
        with self._database.read() as tx:
            return [epoch.told for epoch in ended(tx, self._earlier)]

    def is_set_back(self) -> bool:
        """Return whether the signer vouched for more than there is."""
        with self._database.read() as tx:
            head = self._read_head(tx)
        last = self._memory.last()
        ahead = last is not None and head is not None and last[0] > head.size
        return self._later is not None or ahead

    def begin_epoch(self, before: int, events: Sequence[Event], now: datetime) -> None:
        """Continue the log from where its epoch `before` was set back to; durable on return.

        The events say what is lost, and are the first of the epoch's own.

        Raises:
            Tampered: the head is not what was signed.

        """
        verifier = next(known.verifier for known in self._earlier if known.number == before)
        with self._database.read() as tx:
            head = self._read_head(tx, epoch=before)
        if head is None:
            raise Tampered("audit log: there is no head to continue", hint=HINT)
        frontier = trusted(head, verifier)
        # First the signer: whoever is interrupted has a log that is refused, and begins again.
        self._memory.remember(head.size, frontier.root())
        with self._database.write() as tx:
            if self._read_head(tx, _LOCKED_HEAD, epoch=before) != head:
                raise Tampered("audit log: the head moved meanwhile", hint=HINT)
            row = {"epoch": self._epoch, "size": head.size, "frontier": head.frontier}
            tx.execute(sa.insert(audit_head).values(**row, note=self._sign(frontier)))
            self.append(tx, *events, now=now)
        self.checkpoint(now)

    @property
    def earlier(self) -> Sequence[Earlier]:
        """The epochs before this one that the signer remembers, oldest first."""
        return self._earlier

    def is_published(self, size: int) -> bool:
        """Return whether a published checkpoint covers so many events."""
        last = self._memory.last()
        return last is not None and last[0] >= size

    @contextmanager
    def prover(self, tx: Transaction | None = None) -> Iterator[Prover]:
        """Give the log as one view of its own, or this transaction, sees it, to prove things from.

        Raises:
            Tampered: its head is not what was signed.

        """
        if tx is None:
            with self._database.read() as own, self.prover(own) as found:
                yield found
            return
        head = self._read_head(tx)
        if head is None:
            raise Tampered("audit log: there is no head to prove from", hint=HINT)
        yield Prover(tx, head, self._verifier, self._signer.sign)

    def proved(self, seq: int) -> dict[str, Any]:
        """Return the body of an entry that the signed tree holds: for what is decided by it, not only shown.

        Raises:
            Tampered: what stands there is not what was recorded.
            Gone: its bytes were given up.

        """
        with self.prover() as prover:
            entry = prover.event(seq).entry
        if entry is None:
            raise Gone(f"event {seq} has no bytes any more")
        body: dict[str, Any] = orjson.loads(entry)
        return body

    def pseudonym(self, kind: str, value: str) -> str:
        """Return the keyed HMAC under which the log names a value it must not hold, as 32 hex digits.

        The same value of the same kind always has the same pseudonym; without the log's key nobody
        can tell which value it was, nor try candidates.
        """
        mac = self._pseudonyms.copy()
        name = kind.encode()
        mac.update(len(name).to_bytes(4, "big") + name + value.encode())
        return mac.digest()[:_PSEUDONYM_BYTES].hex()

    def _verify_head(self, memory: tuple[int, bytes] | None) -> VerifyReport:
        with self._database.read() as tx:
            head = self._read_head(tx)
            size, root, faults = 0, None, []
            try:
                if head is not None:
                    size = head.size
                    root = trusted(head, self._verifier).root()
                self._refuse_old()
                prove_growth(tx, memory, size, root or EMPTY_ROOT)
            except Tampered as exc:
                faults.append(exc.message)
        return VerifyReport(0, size, root, faults)

    def _append_at(self, tx: Transaction, at: _Mine, told: _Told) -> bool:
        """Append behind this head; False, with nothing done, when the stored head is another one."""
        frontier = Frontier.parse(at.size, at.frontier)
        rows = self._rows(frontier, at.nseq, told)
        after = _Mine(frontier.size, frontier.serialize(), at.nseq + len(told))
        move = {
            "at_epoch": self._epoch,
            "old": at.size,
            "old_frontier": at.frontier,
            "new": after.size,
            "new_frontier": after.frontier,
            "new_note": self._sign(frontier),
        }
        try:
            if not self._moving.run(tx, move, rows):
                return False
        except IntegrityError:
            raise Tampered(
                "audit log: event.beyond: there are events behind the head", hint=HINT
            ) from None
        store_whole_tiles(tx, at.size, after.size)
        self._mine = after
        return True

    def _rows(self, frontier: Frontier, nseq: int, told: _Told) -> list[dict[str, Any]]:
        """Return the events as rows, and the frontier grown by them."""
        mono_ns = self._monotonic()
        rows = []
        for number, (event, now) in enumerate(told, nseq):
            entropy = self._entropy(ENTROPY_BYTES)
            body = canonical(event, Stamp(now, self._node, self._boot, mono_ns, number, entropy))
            leaf = leaf_hash(body)
            rows.append(
                {
                    "seq": frontier.size,
                    "ts": micros(now),
                    "type": event.type.value,
                    "actor": event.actor.principal,
                    "outcome": event.outcome.value,
                    "obj_ref": event.obj_ref,
                    "body": body,
                    "leaf_hash": leaf,
                }
            )
            frontier.append(leaf)
        return rows

    def _look_up(self, tx: Transaction) -> _Mine:
        """Lock the head and return where it stands, and the number our next event takes."""
        head = self._read_head(tx, _LOCKED_HEAD) or self._first_head(tx)
        root = trusted(head, self._verifier).root()
        if self._first_size is None:
            self._refuse_old()
            prove_growth(tx, self._memory.last(), head.size, root)
            self._first_size = head.size
        # A transaction that was undone may have had others' events before the first of ours.
        self._first_size = min(self._first_size, head.size)
        number = self._next_number(tx, self._first_size, head.size)
        return _Mine(head.size, head.frontier, number)

    def _is_old(self) -> str:
        return (
            f"signer.ahead: the signer vouched for epoch {self._later}, the log is of epoch"
            f" {self._epoch}: it was set back"
        )

    def _refuse_old(self) -> None:
        if self._later is not None:
            raise Tampered(f"audit log: {self._is_old()}", hint=HINT)

    def _sign(self, frontier: Frontier) -> str:
        text = note.checkpoint_text(self.origin, frontier.size, frontier.root())
        return self._signer.sign(text)

    def _read_head(
        self, tx: Transaction, query: sa.Select[Any] = _HEAD, epoch: int | None = None
    ) -> Head | None:
        row = tx.execute(query, {"at_epoch": epoch or self._epoch}).one_or_none()
        return Head(*row) if row is not None else None

    def _first_head(self, tx: Transaction) -> Head:
        empty = Frontier()
        first = {"epoch": self._epoch, "frontier": empty.serialize(), "note": self._sign(empty)}
        tx.execute(_FIRST_HEAD, first)
        # Another thread or node may have been first: then its row counts.
        head = self._read_head(tx, _LOCKED_HEAD)
        if head is None:
            raise Tampered("audit log: the head can't be stored", hint=HINT)
        if head.size == 0 and tx.execute(sa.select(audit_event.c.seq).limit(1)).first():
            raise Tampered("audit log: there are events but no head", hint=HINT)
        return head

    def _next_number(self, tx: Transaction, first: int, size: int) -> int:
        """Return what follows the last event of this node and boot, none of which is before `first`."""
        end = size
        while end > first:
            start = max(first, end - _LOOKBACK)
            query = (
                sa.select(audit_event.c.body)
                .where(audit_event.c.seq >= start, audit_event.c.seq < end)
                .order_by(audit_event.c.seq.desc())
            )
            for body in tx.execute(query.where(audit_event.c.body.is_not(None))).scalars():
                entry = orjson.loads(body)
                if entry["node"] == self._node and entry["boot"] == self._boot:
                    return int(entry["nseq"]) + 1
            end = start
        return 0


def _is_due(stored_at: datetime, now: datetime) -> bool:
    # A clock that was set back must not end the storing.
    return now - stored_at >= _KEEP_EVERY or now < stored_at


def _replace_file(path: Path, content: bytes) -> None:
    """Put the content in place of the file, durably: a reader sees the old or the new, never a part."""
    temporary = path.with_name(f".{path.name}.new")
    # As every file of a home: for its owner alone.
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
