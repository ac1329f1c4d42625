"""Checks a whole audit log against its signatures and names every fault it finds [2.6].

Works on plain values, wherever they were read: an auditor can run it on an export, with the log's
verifier key and nothing else of Strongroom's. It never stops at the first fault and never repairs.
Each fault is one line, `kind: what and where`; docs/formats/audit-log.md lists the kinds.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

from strongroom.audit.approvals import NOTED, Approvals
from strongroom.audit.entry import STANDING, ObjKind, Outcome
from strongroom.audit.event_types import EventType
from strongroom.audit.tree import Frontier, perfect_root, split
from strongroom.crypto import note
from strongroom.errors import StrongroomError

TILE_WIDTH: Final = 256
MAX_FAULTS: Final = 1000

_TILE_LEVELS: Final = 8
_PROGRESS_EVERY: Final = 64  # windows
_DECLARING: Final = frozenset({EventType.LOG_PRUNED.value, EventType.LOG_EPOCH_STARTED.value})
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)

# What `entry.canonical` can write, and nothing else. Its members have one order and its strings no
# quotes, so that this finds the repeated ones at a third of a parser's time.
_ENTRY: Final = re.compile(
    r'\{"actor":\{"auth":"[a-z_]+","id":([0-9]+),"kind":"[a-z]+"\},"boot":"([^"]+)",'
    r'(?:"bytes":[0-9]+,)?(?:"chg":\[[^]]+\],)?(?:"dec":[0-9]+,)?'
    r'"id":"[0-9a-f-]{36}","mono_ns":"[0-9]+",(?:"n":[0-9]+,)?'
    r'"node":"([^"]+)","nseq":([0-9]+),(?:"obj":\{"kind":"[a-z_]+","ref":"([^"]+)"\},)?'
    r'(?:"op":"[^"]+",)?"outcome":"([a-z]+)",(?:"pii":\[[a-z_,"]+\],)?'
    r'(?:"purpose":"[a-z_]+",)?(?:"reason":"[a-z_]+",)?(?:"records":\[[0-9,]+\],)?'
    r'(?:"req":"[^"]+",)?"salt":"[0-9a-f]{32}",(?:"seller":[0-9]+,)?'
    r'(?:"src":\{"ip":"[0-9a-f]+"\},)?"t":"([^"]+)","type":"([a-z._]+)","v":1\}',
    re.ASCII,
)

_match: Final = _ENTRY.fullmatch


class StoredEvent(NamedTuple):
    """One row of the log: the entry, its hash, and the columns that only repeat it for searching."""

    seq: int
    body: bytes | None
    leaf_hash: bytes
    ts: int
    type: str
    actor: int
    outcome: str
    obj_ref: str | None


class Pruned(NamedTuple):
    """What a `log.pruned` event says: entries from `first` to before `end` are given up."""

    first: int
    end: int
    root: str
    """Of the first `end` entries, hexadecimal."""
    kept: str
    """`kept_digest` of the entries below `end` whose bytes stay."""


@dataclass(frozen=True, slots=True)
class Head:
    """The log's end as stored: its size, the frontier that continues it, and the note signed for it."""

    size: int
    frontier: bytes
    note: str


@dataclass(frozen=True, slots=True)
class Ended:
    """An epoch before the present one: what is left of it, and what its signer vouched for last."""

    number: int
    head: Head | None
    """None: a later rollback took its head away as well."""
    verifier: note.Verifier
    memory: tuple[int, bytes]

    @property
    def told(self) -> str:
        """Say what was lost, for people."""
        left = "none of its own are" if self.head is None else f"{self.head.size} are"
        return f"epoch {self.number}: the signer vouched for {self.memory[0]} events, {left} left"


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What a verification found. `root` is that of the events as read, None where they have gaps."""

    events: int
    size: int
    root: bytes | None
    faults: list[str]
    minimum: int = 0
    """Entries below were given up, as an event says."""
    gaps: tuple[str, ...] = ()
    """What unavoidable rollbacks lost, each declared by an event."""
    notices: tuple[str, ...] = ()
    """What is no fault, and somebody should know."""

    @property
    def ok(self) -> bool:
        """Return whether the log is exactly what was recorded and signed."""
        return not self.faults


def trusted_frontier(head: Head, verifier: note.Verifier) -> Frontier:
    """Return the head's frontier once its note is verified and speaks of exactly this tree.

    Raises:
        ValueError: it does not; the message is a fault.

    """
    root = _signed_root(head.note, head.size, verifier, "head.forged: the head's note")
    try:
        frontier = Frontier.parse(head.size, head.frontier)
    except ValueError:
        raise ValueError("head.frontier: the frontier does not belong to the head's size") from None
    if frontier.root() != root:
        raise ValueError("head.frontier: the frontier does not lead to the signed root")
    return frontier


def kept_digest(numbers: Iterable[int]) -> str:
    """Return the SHA-256 that a `log.pruned` event has of the entries that stay."""
    return sha256("".join(f"{number}\n" for number in numbers).encode()).hexdigest()


def read_pruned(body: bytes) -> Pruned | None:
    """Return what an entry says was given up; None where it is no such event."""
    try:
        entry = json.loads(body)
        if entry["type"] != EventType.LOG_PRUNED or entry["outcome"] != Outcome.SUCCESS:
            return None
        first, _, end = entry["op"].partition("-")
        return Pruned(int(first), int(end), entry["obj"]["ref"], entry["chg"][-1]["after"])
    except (ValueError, KeyError, TypeError, IndexError):
        return None


def check(  # noqa: PLR0913 - one view of a log, by name
    events: Iterable[StoredEvent],
    *,
    head: Head | None,
    checkpoints: Iterable[tuple[int, str]],
    tiles: Mapping[tuple[int, int], int],
    tile: Callable[[int, int], bytes | None],
    verifier: note.Verifier,
    memory: tuple[int, bytes] | None,
    minimum: int = 0,
    ended: Sequence[Ended] = (),
    progress: Callable[[int, int], None] | None = None,
) -> VerifyReport:
    """Return what is wrong with the log, which must be one consistent view.

    Args:
        events: every row, ascending by `seq`.
        head: the head row.
        checkpoints: sizes and notes of the stored checkpoints.
        tiles: width of each stored tile, by level and number.
        tile: gives the hashes of a stored tile.
        verifier: of the key that signs the log.
        memory: size and root the signer last vouched for.
        minimum: the number below which entries may have been given up.
        ended: the epochs before, each of which an event has to declare.
        progress: told the events done and in all.

    """
    run = _Run(head, verifier, tile, minimum)
    run.claim_ended(ended)
    run.claim_all(checkpoints, memory)
    window: list[StoredEvent] = []
    count, number = 0, 0
    for event in events:
        count += 1
        at = event[0] >> _TILE_LEVELS
        while at > number:
            run.close(number, window)
            window = []
            number += 1
            if progress is not None and number % _PROGRESS_EVERY == 0:
                progress(count, run.size)
            if number * TILE_WIDTH >= run.size:
                number = at
        window.append(event)
    while window or (run.is_signed and number * TILE_WIDTH < run.size):
        run.close(number, window)
        window = []
        number += 1
    run.finish(tiles)
    if progress is not None:
        progress(count, run.size)
    root = run.tree.root() if run.tree is not None else None
    gaps = tuple(epoch.told for epoch in ended)
    return VerifyReport(count, run.size, root, run.faults, minimum, gaps, run.approvals.notices)


class _Claim(NamedTuple):
    """Somebody vouched for the root of the first `size` entries."""

    size: int
    root: bytes
    fault: str


class _Run:
    """One verification: what was found so far."""

    def __init__(
        self,
        head: Head | None,
        verifier: note.Verifier,
        tile: Callable[[int, int], bytes | None],
        minimum: int,
    ) -> None:
        self.size = head.size if head is not None else 0
        self._minimum = minimum
        self._minimum_root: bytes | None = None
        self._pruned: list[Pruned] = []
        self._kept: list[int] = []  # below the minimum index
        self._ended: Sequence[Ended] = ()
        self._begun: set[tuple[str, str, int]] = set()  # epoch, root and size declared
        self.faults: list[str] = []
        self.approvals = Approvals()
        self.tree: Frontier | None = Frontier()
        self._tile = tile
        self._verifier = verifier
        self._claims: list[_Claim] = []
        self._signed: Frontier | None = None
        self._numbers: dict[tuple[str, str], int] = {}
        self._micros = lru_cache(maxsize=2)(_micros)  # the events of a batch share their instant
        self._unread = 0  # entries of unknown number, because they are gone or changed
        self._pending: dict[int, list[bytes]] = {}  # roots of whole tiles, for the level above
        self._expected: dict[tuple[int, int], int] = {}
        self._has_head = head is not None
        if head is not None:
            try:
                self._signed = trusted_frontier(head, verifier)
            except ValueError as exc:
                self.fault(str(exc))

    @property
    def is_signed(self) -> bool:
        """Return whether the head's size can be believed."""
        return self._signed is not None

    def fault(self, text: str) -> None:
        """Note a fault; beyond a thousand only that there are more."""
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(text)
        elif len(self.faults) == MAX_FAULTS:
            self.faults.append(f"more: over {MAX_FAULTS} faults, the rest is not listed")

    def claim_ended(self, ended: Sequence[Ended]) -> None:
        """Take down what the epochs before ended with: the first entries of the present one."""
        self._ended = ended
        for epoch in ended:
            if epoch.head is None:
                continue
            size, what = epoch.head.size, f"epoch.forged: the last head of epoch {epoch.number}"
            try:
                root = _signed_root(epoch.head.note, size, epoch.verifier, what)
            except ValueError as exc:
                self.fault(str(exc))
                continue
            fault = f"epoch.root: epoch {epoch.number} did not end with the first {size} events"
            self._claims.append(_Claim(size, root, fault))
            if epoch.memory[0] <= size:
                self._claims.append(_Claim(*epoch.memory, fault))

    def _signer_of(self, text: str) -> tuple[note.Verifier, int]:
        """Return whose note this says it is, and how many events that epoch still has."""
        for epoch in self._ended:
            if epoch.head is not None and text.startswith(f"{epoch.verifier.name}\n"):
                return epoch.verifier, epoch.head.size
        return self._verifier, self.size

    def claim_all(
        self, checkpoints: Iterable[tuple[int, str]], memory: tuple[int, bytes] | None
    ) -> None:
        """Take down every root that was vouched for, to be met while the tree grows."""
        for size, text in checkpoints:
            verifier, limit = self._signer_of(text)
            try:
                root = _signed_root(
                    text, size, verifier, f"checkpoint.forged: the note of checkpoint {size}"
                )
            except ValueError as exc:
                self.fault(str(exc))
                continue
            if size > limit:
                self.fault(
                    f"checkpoint.ahead: checkpoint {size} is ahead of the log's {limit} events:"
                    " it was cut"
                )
            self._claims.append(
                _Claim(size, root, f"checkpoint.root: the first {size} events changed since then")
            )
        if memory is not None:
            size, root = memory
            if size > self.size:
                self.fault(
                    f"signer.ahead: the signer vouched for {size} events, the log has {self.size}:"
                    " it was cut or set back"
                )
            self._claims.append(
                _Claim(size, root, f"signer.root: the signer vouched for other {size} events")
            )
        self._claims.sort(key=lambda claim: claim.size, reverse=True)

    def close(self, number: int, window: Sequence[StoredEvent]) -> None:
        """Check the events of one tile's width and grow the tree by them."""
        start = number * TILE_WIDTH
        width = min(TILE_WIDTH, self.size - start)
        leaves: list[bytes | None] = [None] * max(width, 0)
        following = start
        for event in window:
            seq = event[0]
            if seq < following:
                self.fault(f"event.twice: event {seq} stands there more than once")
            elif seq - start >= width:
                self.fault(f"event.beyond: event {seq} was added behind the head")
            else:
                self._unread += seq - following
                self._check_event(event)
                leaves[seq - start] = event[2] if type(event[2]) is bytes else b""
                following = seq + 1
        self._unread += max(0, start + width - following)
        if width == TILE_WIDTH:
            self._settle(number, leaves)
        known = [leaf for leaf in leaves if leaf is not None]
        if len(known) < width:
            for at, leaf in enumerate(leaves):
                if leaf is None:
                    self.fault(f"event.missing: event {start + at} is gone")
            self.tree = None
        elif width > 0:
            self._grow(number, known)

    def finish(self, tiles: Mapping[tuple[int, int], int]) -> None:
        """Check what can only be known at the end: the head, and tiles no entry asks for."""
        if not self._has_head and (tiles or self.faults):
            self.fault("head.missing: the head row is gone")
        for level, hashes in list(self._pending.items()):
            self._compare_tile(level, (self.size >> _TILE_LEVELS * level) >> _TILE_LEVELS, hashes)
        self._meet_claims(Frontier(), [])
        self._check_minimum()
        self._check_epochs()
        for told in self.approvals.faults:
            self.fault(told)
        if self.tree is not None and self.tree.size != self.size:
            # Only behind a head nobody signed, whose size may be anything.
            self.fault(f"event.missing: events {self.tree.size} to {self.size - 1} are gone")
            self.tree = None
        if self.tree is not None and self._signed is not None:
            self._compare_heads(self.tree, self._signed)
        for key, width in tiles.items():
            if key not in self._expected:
                self.fault(f"tile.extra: tile {key[0]}/{key[1]} covers no entries")
            elif width != self._expected[key]:
                self.fault(f"tile.damaged: tile {key[0]}/{key[1]} states another width")

    def _check_minimum(self) -> None:
        """Hold the minimum index against the event that has to declare it."""
        if not self._minimum:
            return
        said = [pruned for pruned in self._pruned if pruned.end == self._minimum]
        if not said:
            self.fault(
                f"min.forged: no event says that the entries below {self._minimum} were given up"
            )
        elif self._minimum_root is not None and said[-1].root != self._minimum_root.hex():
            self.fault(f"min.forged: other entries than those below {self._minimum} were given up")
        elif said[-1].kept != kept_digest(self._kept):
            self.fault(f"min.kept: an entry below {self._minimum} that had to stay has no body")

    def _check_epochs(self) -> None:
        """Hold each epoch that ended against the event that has to declare exactly what was lost."""
        begun = self._begun
        known = {(str(e.number), e.memory[1].hex(), e.memory[0]) for e in self._ended}
        for epoch, _root, size in sorted(known - begun):
            self.fault(f"epoch.undeclared: no event says that epoch {epoch} had {size} events")
        for epoch, _root, size in sorted(begun - known):
            self.fault(
                f"epoch.unknown: the signer does not know that epoch {epoch} had {size} events"
            )

    def _check_event(self, event: StoredEvent) -> None:
        seq, body, leaf, ts, type_, actor, outcome, obj_ref = event
        if body is None and seq < self._minimum:
            self._unread += 1
            return
        if body is None:
            self.fault(f"event.bodyless: event {seq} has lost its body")
            self._unread += 1
            return
        # SQLite keeps text in a column of bytes, if that is what somebody wrote there.
        if type(body) is not bytes or sha256(b"\x00" + body).digest() != leaf:
            self.fault(f"event.edited: the body of event {seq} is not what was recorded")
            self._unread += 1
            return
        found = _match(body.decode("ascii", "replace"))
        if found is None:
            self.fault(f"event.form: event {seq} is no canonical entry")
            self._unread += 1
            return
        said_actor, boot, node, nseq, ref, said_outcome, at, said_type = found.groups()
        if (
            int(said_actor) != actor
            or said_outcome != outcome
            or said_type != type_
            or ref != obj_ref
            or self._micros(at) != ts
        ):
            self.fault(f"event.column: a column of event {seq} contradicts its body")
        if seq < self._minimum and said_type in STANDING:
            self._kept.append(seq)
        if said_type in _DECLARING:
            self._note_declared(said_type, body)
        if said_type in NOTED:
            self.approvals.note(seq, said_type, body)
        run, number = (node, boot), int(nseq)
        expected = self._numbers.get(run, 0)
        if number != expected:
            if 0 < number - expected <= self._unread:
                self._unread -= number - expected  # numbers of events already named as faults
            else:
                self.fault(
                    f"event.order: event {seq} is number {number} of node {node},"
                    f" expected {expected}"
                )
        self._numbers[run] = number + 1

    def _note_declared(self, type_: str, body: bytes) -> None:
        if type_ == EventType.LOG_PRUNED and (pruned := read_pruned(body)) is not None:
            self._pruned.append(pruned)
        if type_ == EventType.LOG_EPOCH_STARTED and (begun := _read_begun(body)) is not None:
            self._begun.add(begun)

    def _settle(self, number: int, leaves: list[bytes | None]) -> None:
        """Compare a whole window with its tile, and put right which of the two was changed.

        The tile above holds the root of this one. Whichever side it agrees with was recorded; the
        rest of the tree is then checked as recorded, so that one change is one fault.
        """
        stored = self._tile(0, number) or b""
        self._expected[0, number] = TILE_WIDTH
        if stored == b"".join(leaf or b"" for leaf in leaves):
            return
        recorded = split(stored)
        start = number * TILE_WIDTH
        if len(recorded) == TILE_WIDTH and perfect_root(recorded) == self._parent(number):
            for at, leaf in enumerate(leaves):
                if leaf is not None and leaf != recorded[at]:
                    self.fault(f"event.replaced: event {start + at} is not the one recorded there")
                elif leaf is None:
                    self.fault(f"event.missing: event {start + at} is gone")
            leaves[:] = recorded
        else:
            state = "damaged" if stored else "missing"
            self.fault(f"tile.{state}: tile 0/{number} does not hold the hashes of its entries")

    def _parent(self, number: int) -> bytes | None:
        above = self._tile(1, number // TILE_WIDTH) or b""
        hashes = split(above)
        at = number % TILE_WIDTH
        return hashes[at] if at < len(hashes) else None

    def _grow(self, number: int, leaves: Sequence[bytes]) -> None:
        tree = self.tree
        if tree is None:
            return
        end = tree.size + len(leaves)
        if self._claims and self._claims[-1].size <= end:
            self._meet_claims(tree.copy(), leaves)
        if len(leaves) == TILE_WIDTH:
            root = perfect_root(leaves)
            tree.append(root, _TILE_LEVELS)
            if tree.size == self._minimum:
                self._minimum_root = tree.root()
            self._push(1, number, root)
        else:
            for leaf in leaves:
                tree.append(leaf)

    def _meet_claims(self, tree: Frontier, leaves: Sequence[bytes]) -> None:
        """Compare the roots vouched for within these leaves."""
        end = tree.size + len(leaves)
        rest = iter(leaves)
        while self._claims and self._claims[-1].size <= end:
            claim = self._claims.pop()
            while tree.size < claim.size:
                tree.append(next(rest))
            if tree.root() != claim.root:
                self.fault(claim.fault)

    def _push(self, level: int, index: int, root: bytes) -> None:
        hashes = self._pending.setdefault(level, [])
        hashes.append(root)
        if len(hashes) == TILE_WIDTH:
            number = index // TILE_WIDTH
            self._compare_tile(level, number, hashes)
            self._pending[level] = []
            self._push(level + 1, number, perfect_root(hashes))

    def _compare_tile(self, level: int, number: int, hashes: Sequence[bytes]) -> None:
        if not hashes:
            return
        self._expected[level, number] = len(hashes)
        stored = self._tile(level, number)
        if stored is None:
            self.fault(f"tile.missing: tile {level}/{number} is gone")
        elif stored != b"".join(hashes):
            self.fault(f"tile.damaged: tile {level}/{number} does not hold the roots below it")

    def _compare_heads(self, found: Frontier, signed: Frontier) -> None:
        """Name the stretch of entries that leads to another root than the signed one."""
        start = 0
        for at, (mine, theirs) in enumerate(zip(found.nodes, signed.nodes, strict=True)):
            width = _subtree_width(signed.size, at)
            if mine != theirs:
                self.fault(
                    f"head.root: events {start} to {start + width - 1} are not those that were signed"
                )
            start += width


def _read_begun(body: bytes) -> tuple[str, str, int] | None:
    """Return the epoch an entry says has ended, with root and size; None where it says no such thing."""
    try:
        entry = json.loads(body)
        if entry["obj"]["kind"] != ObjKind.EPOCH:
            return None
        return str(entry["op"]), str(entry["obj"]["ref"]), int(entry["n"])
    except (ValueError, KeyError, TypeError):
        return None


def _micros(at: str) -> int:
    try:
        return (datetime.fromisoformat(at) - _EPOCH) // _MICROSECOND
    except (ValueError, TypeError):
        return -1


def _subtree_width(size: int, position: int) -> int:
    """Return how many leaves the frontier node at this position covers."""
    for _ in range(position):
        size &= ~(1 << (size.bit_length() - 1))
    return 1 << (size.bit_length() - 1)


def _signed_root(text: str, size: int, verifier: note.Verifier, what: str) -> bytes:
    """Return the root a note of the log vouches for, or raise ValueError with the fault."""
    try:
        checkpoint = note.parse_checkpoint(verifier.verify(text))
    except StrongroomError as exc:
        raise ValueError(f"{what} does not verify: {exc.message}") from None
    if checkpoint.origin != verifier.name or checkpoint.size != size:
        raise ValueError(f"{what} speaks of another log or size")
    return checkpoint.root
