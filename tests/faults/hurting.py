"""Starts the writing process under a fault, and says what it left behind."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import sqlalchemy as sa
from tests.support import recording
from tests.support.recording import SIGNER, Place, event, open_log

from strongroom.audit import Event, EventType, ObjKind, Outcome, offline
from strongroom.audit.export import finish, settle, write
from strongroom.db import schema
from strongroom.terms import SYSTEM

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, tzinfo=UTC)
THREADS, EACH = 6, 40


@dataclass
class Writing:
    """One writing process and what it said."""

    process: subprocess.Popen[bytes]
    lines: list[str] = field(default_factory=list)
    code: int | None = None

    @property
    def acknowledged(self) -> list[str]:
        return [line[4:] for line in self.lines if line.startswith("ack ")]

    def said(self, word: str) -> list[str]:
        return [line.partition(" ")[2] for line in self.lines if line.split(" ")[0] == word]

    def read(self, number: int) -> None:
        """Read so many more lines, or to the end."""
        assert self.process.stdout is not None
        for _ in range(number):
            line = self.process.stdout.readline()
            if not line.endswith(b"\n"):
                return
            self.lines.append(line.decode().rstrip())

    def drain(self) -> None:
        """Stop it, read all that it has said, and leave it stopped."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGSTOP)
        os.waitpid(self.process.pid, os.WUNTRACED)
        while select.select([self.process.stdout], [], [], 0)[0]:
            self.read(1)

    def resume(self) -> None:
        """Let it go on."""
        self.process.send_signal(signal.SIGCONT)

    def read_for(self, seconds: float) -> None:
        """Read what it says for so long, or to its end."""
        assert self.process.stdout is not None
        deadline = time.monotonic() + seconds
        while self.process.poll() is None and (left := deadline - time.monotonic()) > 0:
            if select.select([self.process.stdout], [], [], left)[0]:
                self.read(1)

    def end_after_fault(self, directory: Path, seconds: float, *, ends: bool) -> bool:
        """Let it write until a fault of `under` has struck, so long at most; then end it. Say whether it has.

        `ends`: it is to end by itself then.
        """
        deadline = time.monotonic() + seconds
        while not was_injected(directory) and self.process.poll() is None:
            if time.monotonic() > deadline:
                break
            self.read_for(0.1)
        self.read_for(0.5)
        if not (ends and was_injected(directory)):
            self.process.terminate()
        self.end()
        # The tracer is another process, and writes what it saw a moment later.
        deadline = time.monotonic() + 2
        while not was_injected(directory) and self.code not in (-signal.SIGKILL, -signal.SIGTERM):
            if time.monotonic() > deadline:
                return False
            time.sleep(0.02)
        return was_injected(directory) or self.code == -signal.SIGKILL

    def end(self, seconds: float = 60) -> None:
        """Wait for its end and read what it still said."""
        # Read while waiting: what it says may be more than the pipe holds, and it would wait for a reader.
        rest, _ = self.process.communicate(timeout=seconds)
        self.lines += rest.decode().split("\n")[:-1]
        self.code = self.process.returncode


def start(
    place: Place,
    *,
    boot: str = "boot-1",
    threads: int = THREADS,
    each: int = EACH,
    wrapper: Sequence[str] = (),
    extra: Mapping[str, str] | None = None,
) -> Writing:
    """Start a process that writes; it has said that it is ready."""
    arguments = [str(place.directory), place.url, place.keys, boot, str(threads), str(each)]
    writing = Writing(
        subprocess.Popen(
            [*wrapper, sys.executable, recording.__file__, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
            env={**os.environ, "PYTHONPATH": str(ROOT), **(extra or {})},
        )
    )
    writing.read(1)
    return writing


def prepare(place: Place) -> None:
    """Make the tables and a first checkpoint, so that faults meet a log that stands already."""
    log, database, keys = open_log(place, "boot-0")
    log.record(*(event(f"boot-0.0.{number}") for number in range(300)), now=NOW)
    log.checkpoint(NOW)
    database.close()
    keys.close()


def lost(place: Place, acknowledged: Sequence[str]) -> int:
    """Open what a fault left, hold it against every promise, and return how many acknowledged events are gone.

    Entries are without a gap, rows and their events stand together, all checkpoints are consistent, an export
    verifies with the file that knows nothing of ours, and the log goes on.
    """
    kept = [(place.directory / "checkpoint").read_text()]
    log, database, keys = open_log(place, "after")
    try:
        log.record(event("after.0.0"), now=NOW)
        kept.append(log.checkpoint(NOW))
        report = log.verify()
        assert report.faults == []
        entries = list(log.events())
        assert [entry.seq for entry in entries] == list(range(report.size))
        refs = [entry.body["obj"]["ref"] for entry in entries]
        assert len(set(refs)) == len(refs)
        by_boot: dict[str, list[int]] = {}
        for entry in entries:
            by_boot.setdefault(entry.body["boot"], []).append(entry.body["nseq"])
        assert all(numbers == list(range(len(numbers))) for numbers in by_boot.values())
        with database.read() as tx:
            rows = set(tx.execute(sa.select(schema.drift.c.path)).scalars())
        assert rows <= set(refs)
        assert {ref for ref in refs if is_unit(ref)} == rows
        with TemporaryDirectory() as aside:
            bundle = Path(aside) / "bundle"
            with log.prover() as prover:
                stretch = settle(prover, bundle, 0, None, ())
            digest = write(log.prover, bundle, stretch, lambda _done, _total: None)
            told = Event(
                EventType.LOG_EXPORTED,
                Outcome.SUCCESS,
                SYSTEM,
                obj_kind=ObjKind.LOG,
                obj_ref=digest,
            )
            log.record(told, now=NOW)
            with log.prover() as prover:
                finish(bundle, stretch.size, prover, [prover.size - 1])
            assert offline.check(bundle, SIGNER.vkey, kept=kept).faults == []
        return len(set(acknowledged) - set(refs))
    finally:
        database.close()
        keys.close()


def is_unit(ref: str) -> bool:
    """Tell whether the writing process wrote this one as a row and its event."""
    boot, _thread, number = ref.split(".")
    return boot not in {"boot-0", "after"} and int(number) % 2 == 1


@contextmanager
def small_disk(directory: Path, size: str) -> Iterator[Path]:
    """Mount a file system of a size for the block; root alone may."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", directory], check=True)
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", directory], check=True)


def _calls(directory: Path) -> Path:
    """Return where the tracer writes what it saw: beside, since a home takes no file that others may read."""
    return directory.with_name(f"{directory.name}.calls")


def was_injected(directory: Path) -> bool:
    """Tell whether a call under `under` has met its fault by now."""
    calls = _calls(directory)
    return calls.exists() and b"(INJECTED)" in calls.read_bytes()


def under(directory: Path, fault: str, call: str, when: str) -> list[str]:
    """Return what runs a command so that the calls on the log's files fail as told; each thread's are counted apart."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.fail("strace is missing: run `make faults`, or install it", pytrace=False)
    action = f"signal={fault}" if fault == "SIGKILL" else f"error={fault}"
    paths = [f"{directory}/vault.db{end}" for end in ("", "-wal", "-shm")]
    named = [part for path in paths for part in ("-P", path)]
    # -D: the process keeps its own number and parent.
    inject = f"inject={call}:{action}:when={when}"
    return [
        strace,
        "-D",
        "-f",
        # Without, every call of the process stops, not only those asked for; with, no signal is ever sent.
        *(() if fault == "SIGKILL" else ("--seccomp-bpf",)),
        "-qq",
        "-o",
        str(_calls(directory)),
        *named,
        "-e",
        f"trace={call}",
        "-e",
        inject,
    ]
