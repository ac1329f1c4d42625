"""Has the log bound outside of this machine, round by round: witnesses, timestamps, copies.

A round takes the checkpoint of now and shows it to each anchor in a thread of its own, so that one that accepts a
connection and never answers slows nobody; a call that is still under way is never begun twice. What a round found is
kept in the anchors' rows; events tell of changes and then rarely (`cadence.py`). Nothing here appends within a
transaction of somebody else's, and nothing waits for a network while one is open.
"""

import queue
import re
import ssl
import threading
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from time import monotonic
from typing import Final

from strongroom.anchors.bucket import Bucket, Credentials, LockedFiles
from strongroom.anchors.cadence import is_due_hourly
from strongroom.anchors.copies import copy
from strongroom.anchors.places import MAX_FILE_BYTES, Directory, Place, Server
from strongroom.anchors.rows import Anchor, AnchorKind, AnchorRows, Failed, proposed
from strongroom.anchors.timestamp import roots_of, stamp
from strongroom.anchors.witness import Ahead, ask
from strongroom.audit import AuditLog, Reason
from strongroom.crypto.cosignature import Witness, policy_text
from strongroom.crypto.note import parse_checkpoint, parse_note
from strongroom.db.engine import Database
from strongroom.errors import Malformed, Tampered
from strongroom.outbound import Outbound, client_context, is_https_url
from strongroom.terms import SYSTEM, Caller, Environment

ROUND_SECONDS: Final = 15.0
"""How long a round waits for its anchors; a copy that takes longer goes on by itself."""

CLOSING_SECONDS: Final = 10.0

_DIRECTORY: Final = re.compile(r"dir:(/[^\0]{1,500})")
_BEARER: Final = re.compile(r"[!-~]{0,4096}")
_ADDRESS: Final = re.compile(r"[!-~]{1,500}")
_HOURLY: Final = frozenset({AnchorKind.TIMESTAMP, AnchorKind.COPY})


@dataclass(frozen=True, slots=True)
class Done:
    """What one anchor did in a round: the size it has now, or why not; `key` is a witness's."""

    anchor: Anchor
    size: int | None = None
    reason: Reason | None = None
    error: Exception | None = None


@dataclass(frozen=True, slots=True)
class Round:
    """A round that ended: the checkpoint's size, and what became of each anchor that was asked."""

    size: int
    done: tuple[Done, ...]

    @property
    def keys(self) -> frozenset[bytes]:
        """The keys of the witnesses that cosigned this checkpoint, or one of ours that continues it."""
        return frozenset(
            Witness(one.anchor.key).public
            for one in self.done
            if one.anchor.kind is AnchorKind.WITNESS
            and one.size is not None
            and one.size >= self.size
        )


class Anchors:
    """What binds the log of one home outside. Safe between threads."""

    def __init__(
        self,
        database: Database,
        audit: AuditLog,
        *,
        key: bytes,
        environment: Environment,
        needed: int,
        round_seconds: float = ROUND_SECONDS,
    ) -> None:
        self.needed: Final = needed
        self._audit = audit
        self._rows = AnchorRows(database, key, audit, environment)
        self._round_seconds = round_seconds
        self._lock = threading.Lock()
        self._busy: dict[int, threading.Lock] = {}
        self._contexts: dict[str | None, ssl.SSLContext] = {}
        self._closed = False

    # -- who is asked ----------------------------------------------------------------------------

    def add(
        self,
        kind: AnchorKind,
        place: str,
        key: str,
        ca: str | None,
        secret: str,
        caller: Caller,
        now: datetime,
    ) -> Anchor:
        """Have the log bound there from the next round on.

        Raises:
            Malformed: the address, key, authority or token has not its form; plain HTTP is one.
            Conflict: it is asked already, or there are too many.

        """
        place = place if kind is AnchorKind.TIMESTAMP else place.rstrip("/")
        if kind is AnchorKind.COPY and place.startswith("s3:"):
            Bucket.parse(place)
            Credentials.parse(secret)
        elif not (kind is AnchorKind.COPY and _DIRECTORY.fullmatch(place)) and not (
            _ADDRESS.fullmatch(place) and is_https_url(place)
        ):
            hint = "a copy may also lie in dir:/PATH or s3://BUCKET/PREFIX?region=REGION&days=N"
            raise Malformed("an anchor has an https:// address", hint=hint)
        if not _BEARER.fullmatch(secret):
            raise Malformed("the token has characters no header takes")
        if kind is AnchorKind.WITNESS:
            Witness(key)
        elif kind is AnchorKind.TIMESTAMP:
            roots_of(key)
        return self._rows.add(proposed(kind, place, key, ca), secret, caller, now)

    def remove(self, id_: int, kind: AnchorKind, caller: Caller, now: datetime) -> None:
        """Ask it no more; what it said is kept. Raises: NotFound."""
        self._rows.remove(id_, kind, caller, now)

    def listed(self, *kinds: AnchorKind) -> list[tuple[Anchor, bool]]:
        """Return those that are asked, and whether each row is as it was added."""
        return [(one, self._rows.is_sound(one)) for one in self._rows.listed(*kinds)]

    # -- rounds ----------------------------------------------------------------------------------

    def follow_clock(self, now: datetime) -> None:
        """Run the round of this minute: witnesses if the log has grown, the others if they are due.

        Raises:
            Tampered: the log is not what its signer vouched for; nothing was shown to anybody.

        """
        head = self._size()
        wanted = [
            one
            for one in self._rows.listed()
            if (
                is_due_hourly(one.reached_at, one.tried_at, one.fault, now)
                if one.kind in _HOURLY
                else one.fault is not None or one.size_of(self._audit.origin) < head
            )
        ]
        if wanted:
            self._round(wanted, now)

    def run(self, kinds: Collection[AnchorKind], now: datetime, caller: Caller = SYSTEM) -> Round:
        """Show the log as it is to all anchors of these kinds, now, and say what came of it.

        Raises:
            Tampered: the log is not what its signer vouched for; nothing was shown to anybody.

        """
        anchors = self._rows.listed(*kinds)
        patient = AnchorKind.COPY in kinds
        seconds = float("inf") if patient else self._round_seconds
        return self._round(anchors, now, caller=caller, seconds=seconds)

    def witnessed(self, now: datetime) -> Round:
        """Ask all witnesses, and return as soon as `needed` of them cosigned, or the time is over."""
        return self._round(self._rows.listed(AnchorKind.WITNESS), now, enough=max(1, self.needed))

    def covers(self, size: int) -> bool:
        """Return whether as many witnesses as are needed have cosigned a checkpoint of so many events."""
        keys = {
            Witness(one.key).public
            for one, sound in self.listed(AnchorKind.WITNESS)
            if sound and one.size_of(self._audit.origin) >= size
        }
        return len(keys) >= self.needed

    def close(self, now: datetime) -> None:
        """Show the last checkpoint around, for a bounded time, and write nothing afterwards.

        Nothing is recorded: the log has its last entry. The next start tells of what changed.
        """
        try:
            self._round(self._rows.listed(), now, seconds=CLOSING_SECONDS, quiet=True)
        finally:
            with self._lock:
                self._closed = True

    # -- evidence --------------------------------------------------------------------------------

    def evidence(self, size: int, vkey: str) -> Mapping[str, bytes]:
        """Return the files a bundle of `size` entries may bring along: what others said of the log."""
        files: dict[str, bytes] = {}
        witnesses = []
        for one, sound in self.listed(AnchorKind.WITNESS):
            if sound:
                witnesses.append(Witness(one.key))
        if witnesses:
            needed = min(self.needed, len({witness.public for witness in witnesses}))
            files["policy"] = policy_text(vkey, witnesses, needed).encode()
        cosigned = self._rows.cosigned(size, max(1, self.needed)) or self._rows.cosigned(size)
        if cosigned is not None:
            files["cosigned"] = cosigned.text.encode()
        stamped = self._rows.stamped(size)
        if stamped is not None:
            files["timestamp.note"] = stamped.note.encode()
            files["timestamp.tsr"] = stamped.response
        return files

    def stamp_text(self, text: str) -> tuple[bytes, datetime, str] | None:
        """Return the first authority's answer about a text, its instant and its roots; None where nobody is asked.

        Raises:
            Failed: all that are asked refuse, or are not there.

        """
        refused: Failed | None = None
        for one, sound in self.listed(AnchorKind.TIMESTAMP):
            if not sound:
                continue
            try:
                answer, at = stamp(self._outbound(one), one.place, one.key, text)
            except Failed as exc:
                refused = exc
            else:
                return answer, at, one.key
        if refused is not None:
            raise refused
        return None

    # -- private ---------------------------------------------------------------------------------

    def _size(self) -> int:
        with self._audit.prover() as prover:
            return prover.size

    def _round(
        self,
        anchors: Collection[Anchor],
        now: datetime,
        *,
        caller: Caller = SYSTEM,
        seconds: float | None = None,
        enough: int | None = None,
        quiet: bool = False,
    ) -> Round:
        note = self._audit.checkpoint(now)
        size = parse_checkpoint(parse_note(note).text).size
        found: queue.SimpleQueue[Done] = queue.SimpleQueue()
        until = monotonic() + (self._round_seconds if seconds is None else seconds)

        def work(anchor: Anchor, busy: threading.Lock) -> None:
            # Another round may be at it; its answer may be of a smaller size.
            left = until - monotonic()
            if not busy.acquire(timeout=min(max(left, 0.0), threading.TIMEOUT_MAX)):
                found.put(Done(anchor, reason=Reason.UNREACHABLE))
                return
            try:
                found.put(self._one(anchor, note, size, now, caller=caller, quiet=quiet))
            finally:
                busy.release()

        for anchor in anchors:
            # Not of a pool: a pool waits for its threads when the process ends.
            threading.Thread(target=work, args=(anchor, self._lock_of(anchor)), daemon=True).start()
        done = tuple(self._collected(found, len(anchors), until, size, enough))
        reached = enough is not None and len(Round(size, done).keys) >= enough
        for one in done:
            if one.error is not None and not reached:
                raise one.error
        whole = Round(size, done)
        if enough is None:
            late = {anchor.id for anchor in anchors} - {one.anchor.id for one in done}
            for anchor in anchors:
                # A copy of a long log takes its time; all others have had theirs.
                if anchor.id in late and anchor.kind is not AnchorKind.COPY:
                    self._failed(anchor, Reason.UNREACHABLE, now, caller=caller, quiet=quiet)
        if whole.keys and len(whole.keys) >= self.needed:
            self._rows.thin(size, now)
        return whole

    def _collected(
        self,
        found: "queue.SimpleQueue[Done]",
        asked: int,
        until: float,
        size: int,
        enough: int | None,
    ) -> Iterator[Done]:
        keys: set[bytes] = set()
        for _ in range(asked):
            if enough is not None and len(keys) >= enough:
                return
            left = until - monotonic()
            try:
                one = found.get(timeout=None if left == float("inf") else max(left, 0.0))
            except queue.Empty:
                return
            keys |= Round(size, (one,)).keys
            yield one

    def _one(
        self,
        anchor: Anchor,
        note: str,
        size: int,
        now: datetime,
        *,
        caller: Caller,
        quiet: bool,
    ) -> Done:
        try:
            try:
                secret = self._rows.secret(anchor)
            except Tampered:
                raise Failed(Reason.TAMPERED) from None
            size = self._bind(anchor, secret, note, size, now, caller=caller, quiet=quiet)
        except Failed as exc:
            self._failed(anchor, exc.reason, now, caller=caller, quiet=quiet)
            return Done(anchor, reason=exc.reason)
        except Exception as exc:  # noqa: BLE001 - told by the round, in the thread that waits for it
            return Done(anchor, error=exc)
        return Done(anchor, size=size)

    def _bind(
        self,
        anchor: Anchor,
        secret: str,
        note: str,
        size: int,
        now: datetime,
        *,
        caller: Caller,
        quiet: bool,
        again: bool = True,
    ) -> int:
        """Show the log to one anchor, keep what it says, and return the size it has now. Raises: Failed."""
        cosignature = stamped = None
        try:
            match anchor.kind:
                case AnchorKind.WITNESS:
                    known = min(anchor.size_of(self._audit.origin), size)
                    outbound, witness = self._outbound(anchor), Witness(anchor.key)
                    cosignature = ask(
                        outbound, anchor.place, witness, self._audit.prover, note, size, known
                    )
                case AnchorKind.TIMESTAMP:
                    stamped = stamp(self._outbound(anchor), anchor.place, anchor.key, note)
                case AnchorKind.COPY:
                    copy(self._place(anchor, secret, now), self._audit.prover, note, size)
        except Ahead as exc:
            # Another round, or another node, may have been there with a newer checkpoint.
            if not again or exc.size > self._size():
                raise
            newer = self._audit.checkpoint(now)
            grown = parse_checkpoint(parse_note(newer).text).size
            return self._bind(
                anchor, secret, newer, grown, now, caller=caller, quiet=quiet, again=False
            )
        with self._lock:
            if not self._closed:
                self._rows.reached(
                    anchor,
                    note,
                    size,
                    now,
                    caller=caller,
                    cosignature=cosignature,
                    stamp=stamped,
                    quiet=quiet,
                )
        return size

    def _failed(
        self, anchor: Anchor, reason: Reason, now: datetime, *, caller: Caller, quiet: bool
    ) -> None:
        # Whoever comes back when the home is closed has nothing to write to.
        with self._lock:
            if not self._closed:
                self._rows.failed(anchor, reason, now, caller=caller, quiet=quiet)

    def _lock_of(self, anchor: Anchor) -> threading.Lock:
        with self._lock:
            return self._busy.setdefault(anchor.id, threading.Lock())

    def _outbound(self, anchor: Anchor) -> Outbound:
        with self._lock:
            context = self._contexts.get(anchor.ca)
            if context is None:
                context = self._contexts[anchor.ca] = client_context(anchor.ca)
        return Outbound(context, answer_bytes=MAX_FILE_BYTES)

    def _place(self, anchor: Anchor, secret: str, now: datetime) -> Place:
        directory = _DIRECTORY.fullmatch(anchor.place)
        if directory is not None:
            return Directory(Path(directory[1]))
        if anchor.place.startswith("s3:"):
            bucket, credentials = Bucket.parse(anchor.place), Credentials.parse(secret)
            return LockedFiles(self._outbound(anchor), bucket, credentials, now)
        return Server(self._outbound(anchor), anchor.place, secret)
