"""The server is cut off, its standby takes over, an older copy is put back: nothing is lost in silence."""

from __future__ import annotations

import signal
import time
from base64 import b64decode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.faults.hurting import NOW, Writing, lost, prepare, start
from tests.support import postgres
from tests.support.offline import CHEAP, PASSPHRASE, Offline
from tests.support.postgres import EMPTY, Cluster
from tests.support.recording import Place, event, open_log
from tests.support.tally import Tally

from strongroom import logs
from strongroom.audit import offline
from strongroom.audit.tree import verify_consistency
from strongroom.crypto.note import Checkpoint, parse_checkpoint
from strongroom.db.turns import LONGEST_SECONDS
from strongroom.errors import Tampered
from strongroom.opening import initialize
from strongroom.terms import Environment

pytestmark = pytest.mark.clause("2.6")


@dataclass
class Pair:
    """A server and its standby."""

    primary: Cluster
    standby: Cluster

    def fail_over(self) -> None:
        self.primary.kill()
        self.standby.promote()

    def leave_behind(self) -> None:
        """Stop the standby, so that it misses what comes."""
        self.standby.halt()

    def fail_over_to_what_it_has(self) -> None:
        self.primary.kill()
        self.standby.resume()
        self.standby.promote()


@pytest.fixture
def pair() -> Iterator[Pair]:
    """Give a server with a standby that streams from it."""
    primary = postgres.start()
    try:
        standby = primary.standby()
        try:
            yield Pair(primary, standby)
        finally:
            standby.stop()
    finally:
        primary.stop()


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def load(place: Place, acknowledged: int, threads: int = 6) -> Writing:
    """Start writing; return once so much was said to be durable."""
    writing = start(place, boot="boot-1", threads=threads, each=100_000)
    while len(writing.acknowledged) < acknowledged:
        writing.read(1)
    return writing


def end(writing: Writing) -> None:
    """Read what it still said, and end it: its server is gone."""
    time.sleep(0.5)
    writing.process.kill()
    writing.end()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("acknowledged", [60, pytest.param(1500, marks=pytest.mark.long)])
def test_a_synchronous_standby_has_every_acknowledged_event(
    pair: Pair, tmp_path: Path, tally: Tally, acknowledged: int
) -> None:
    place = Place(tmp_path, pair.primary.url("postgres"), f"sqlite:///{tmp_path / 'keys.db'}")
    prepare(place)
    pair.primary.await_standby("*")
    until(lambda: pair.primary.order("SELECT sync_state FROM pg_stat_replication") == "sync")
    writing = load(place, acknowledged)
    pair.fail_over()
    end(writing)
    place = Place(tmp_path, pair.standby.url("postgres"), place.keys)
    # The signer's memory was never ahead of it either: `lost` opens the log and goes on.
    tally.add(acknowledged=len(writing.acknowledged), lost=lost(place, writing.acknowledged))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Offline]:
    """Give a function that makes a home whose records are at a URL."""
    monkeypatch.setattr(logs, "harden", lambda **_: None)
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)

    def make(url: str) -> Offline:
        monkeypatch.setenv("STRONGROOM_VAULT__URL", url)
        passphrase = tmp_path / "passphrase"
        passphrase.touch(mode=0o600)
        passphrase.write_text(PASSPHRASE)
        initialize(
            tmp_path / "home",
            environment=Environment.TEST,
            passphrase=PASSPHRASE,
            passphrase_file=passphrase,
            one_person=True,
            cost=CHEAP,
        )
        return Offline(tmp_path / "home")

    return make


def checkpoint(home: Offline) -> str:
    """Return what the home published last, as somebody outside would keep it."""
    return (home.path / "log" / "checkpoint").read_text()


def goes_on(home: Offline, tally: Tally, *, kept: str, lost: str, aside: Path) -> None:
    """Hold a home whose log was set back to `kept`, and had come to `lost`, against every promise."""
    code, _, refused = home.attempt("user", "list")
    told = code != 0 and refused["error"]["kind"] == "Tampered"
    report = home.attempt("audit", "verify")[1]
    told = told and any("signer.ahead" in fault for fault in report["faults"])
    tally.add(undetected=not told)

    begun = home.command("audit", "epoch", "begin", "--reason", "the standby took over")
    old, gone = read(kept), read(lost)
    assert (begun["epoch"], begun["from"]) == (2, old.size)
    assert begun["lost"] == [{"epoch": 1, "vouched_for": gone.size}]
    report = home.command("audit", "verify")
    assert (report["ok"], report["epoch"], len(report["gaps"])) == (True, 2, 1)

    # What somebody kept of the first epoch still leads to what there is now, by hashes alone.
    home.read_log()
    new = read(checkpoint(home))
    sizes = ("--from", str(old.size), "--to", str(new.size))
    proof = [b64decode(line) for line in home.command("audit", "consistency", *sizes)["proof"]]
    assert verify_consistency(old.size, new.size, old.root, new.root, proof)
    now = checkpoint(home)
    home.command("audit", "export", str(aside), "--reason", "after the standby")
    key = (aside / "key").read_text().strip()
    found = offline.check(aside, key, kept=[kept, lost, now])
    assert (found.faults, len(found.said["gaps"])) == ([], 2)


def read(text: str) -> Checkpoint:
    """Return what a note says, whoever signed it."""
    return parse_checkpoint(text.partition("\n\n")[0] + "\n")


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_standby_that_was_behind_is_refused_until_a_new_epoch_declares_the_gap(
    pair: Pair,
    home: Callable[[str], Offline],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tally: Tally,
) -> None:
    made = home(pair.primary.url("postgres"))
    made.command("user", "add", "boris")
    until(
        lambda: pair.primary.order(
            "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), flush_lsn) = 0 FROM pg_stat_replication"
        )
    )
    kept = checkpoint(made)
    pair.leave_behind()
    made.command("user", "add", "clara")
    lost = checkpoint(made)
    pair.fail_over_to_what_it_has()
    monkeypatch.setenv("STRONGROOM_VAULT__URL", pair.standby.url("postgres"))
    goes_on(made, tally, kept=kept, lost=lost, aside=tmp_path / "bundle")


@pytest.mark.long
def test_an_older_backup_of_the_server_is_refused_until_a_new_epoch_declares_the_gap(
    postgres_cluster: Cluster,
    home: Callable[[str], Offline],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    tally: Tally,
) -> None:
    with postgres_cluster.database(EMPTY) as url:
        made = home(url)
        made.command("user", "add", "boris")
        kept = checkpoint(made)
        name = url.partition("@/")[2].partition("?")[0]
        with postgres_cluster.database(name) as backup:
            made.command("user", "add", "clara")
            lost = checkpoint(made)
            monkeypatch.setenv("STRONGROOM_VAULT__URL", backup)
            goes_on(made, tally, kept=kept, lost=lost, aside=tmp_path / "bundle")


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_standby_that_was_behind_is_refused_by_every_process_that_writes(
    pair: Pair, tmp_path: Path, tally: Tally
) -> None:
    """Under load: the signer vouched for more, and no process goes on from what is left."""
    place = Place(tmp_path, pair.primary.url("postgres"), f"sqlite:///{tmp_path / 'keys.db'}")
    prepare(place)
    pair.leave_behind()
    writing = load(place, 300)
    while read((tmp_path / "checkpoint").read_text()).size < 400:
        writing.read(1)
    pair.fail_over_to_what_it_has()
    end(writing)
    place = Place(tmp_path, pair.standby.url("postgres"), place.keys)
    log, database, keys = open_log(place, "after")
    try:
        with pytest.raises(Tampered, match=r"signer\.ahead"):
            log.record(event("after.0.0"), now=NOW)
        assert log.is_set_back()
        assert log.verify(set_back=True).faults == []
        tally.add(undetected=log.verify().ok)
    finally:
        database.close()
        keys.close()


@pytest.mark.long
@pytest.mark.timeout(120)
def test_a_server_that_is_cut_off_acknowledges_nothing_and_goes_on_when_it_is_back(
    tmp_path: Path, tally: Tally
) -> None:
    """Connections stay open and nothing comes: who waits for a turn behind them is refused in time."""
    server = postgres.start()
    try:
        place = Place(tmp_path, server.url("postgres"), f"sqlite:///{tmp_path / 'keys.db'}")
        prepare(place)
        # So many that, wherever the server stops, some of them wait for another's turn.
        writing = load(place, 60, threads=24)
        server.signal_all(signal.SIGSTOP)
        time.sleep(LONGEST_SECONDS + 2)
        while not writing.said("refused"):
            writing.read(1)
        server.signal_all(signal.SIGCONT)
        before = len(writing.acknowledged)
        while len(writing.acknowledged) < before + 200:
            writing.read(1)
        end(writing)
        acknowledged = writing.acknowledged
        tally.add(acknowledged=len(acknowledged), lost=lost(place, acknowledged))
    finally:
        server.signal_all(signal.SIGCONT)
        server.stop()
