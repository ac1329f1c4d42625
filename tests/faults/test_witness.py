"""Anchors that hang, babble or are cut off: each costs a bounded time, slows nobody, and is told once."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support import tables
from tests.support.anchors import Bound, Other, answering, other, silent
from tests.support.audit import NOW, Bench

from strongroom.anchors import AnchorKind, Quorum
from strongroom.db.engine import Database
from strongroom.errors import Unavailable
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("2.6")

SECONDS = 1.5
"""How long a round of these tests waits."""


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Bound]:
    database = Database(tables.copy_to(tmp_path / "vault.db"))
    found = Bound.of(Bench(database, tmp_path / "checkpoint"), seconds=SECONDS)
    found.grow(3)
    yield found
    found.anchors._closed = True  # what still waits for a hanging server writes nothing any more
    database.close()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Other]:
    with other(tmp_path / "witness") as found:
        yield found


def test_a_witness_that_never_answers_costs_a_bounded_time_and_slows_no_other(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    witness.follow(bound.log)
    with silent(tmp_path / "silent") as (url, ca):
        hanging = bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        good = bound.witness(witness)
        began = time.monotonic()
        appended: list[float] = []

        def append() -> None:
            while time.monotonic() - began < SECONDS:
                start = time.monotonic()
                bound.grow()
                appended.append(time.monotonic() - start)
                time.sleep(0.02)

        writer = threading.Thread(target=append)
        writer.start()
        bound.anchors.follow_clock(NOW)
        took = time.monotonic() - began
        writer.join()
        assert took < SECONDS + 2
        # Nobody who appends waits for it: most of them were done in the time that it was waited for.
        assert len(appended) > 10
        assert sorted(appended)[len(appended) // 2] < 0.5
        sizes = {one.id: (one.size, one.fault) for one, _ in bound.anchors.listed()}
        assert sizes[good][0] >= 5
        assert sizes[good][1] is None
        assert sizes[hanging] == (0, "unreachable")


def test_a_call_under_way_is_not_begun_twice(bound: Bound, witness: Other, tmp_path: Path) -> None:
    connections: list[str] = []
    gate = threading.Event()

    def answers(_method: str, path: str, _body: bytes) -> tuple[int, dict[str, str], bytes]:
        connections.append(path)
        gate.wait(10)
        return 500, {}, b""

    with answering(tmp_path / "slow", answers) as (url, ca):
        bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        for minute in range(3):
            bound.grow()
            bound.anchors.follow_clock(NOW + timedelta(minutes=minute))
        assert len(connections) == 1
        gate.set()


def test_an_outage_is_two_events_whatever_its_length(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    """A partition: connections are refused, and then no longer."""
    witness.follow(bound.log)
    up = threading.Event()

    def answers(_method: str, _path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        if not up.is_set():
            raise ConnectionResetError
        reply = witness.following.add_checkpoint(body, NOW)
        return reply.status, {"content-type": reply.content_type}, reply.body

    with answering(tmp_path / "way", answers) as (url, ca):
        bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        now = NOW
        for minutes in range(0, 50, 5):
            bound.grow()
            now = NOW + timedelta(minutes=minutes)
            bound.anchors.follow_clock(now)
        up.set()
        bound.anchors.follow_clock(now + timedelta(minutes=1))
        assert bound.told() == [("log.anchor.failed", "unreachable"), ("log.witnessed", None)]


def test_nonsense_is_an_answer_too(bound: Bound, witness: Other, tmp_path: Path) -> None:
    for number, body in enumerate((b"\x00" * 1000, b"\xff" * 1000, b"<html>" * 1000, b"\n" * 1000)):
        with answering(tmp_path / f"babble-{number}", lambda *_, said=body: (200, {}, said)) as at:
            id_ = bound.add(AnchorKind.WITNESS, at[0], witness.following.vkey, at[1])
            assert bound.fault() == "malformed_upstream"
            bound.anchors.remove(id_, AnchorKind.WITNESS, SYSTEM, NOW)
    with answering(tmp_path / "flood", lambda *_: (200, {}, b"x" * 3_000_000)) as (url, ca):
        bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        assert bound.fault() == "malformed_upstream"


# -- where answers wait for witnesses --------------------------------------------------------------


def test_without_its_witnesses_an_operation_is_not_begun(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    quorum = Quorum(bound.bench.database, bound.log, bound.anchors, synchronous=True)
    with silent(tmp_path / "silent") as (url, ca):
        bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        began = time.monotonic()
        with (
            pytest.raises(Unavailable, match="0 of 1 witnesses saw it: nothing was done"),
            quorum.witnessed("app.add", SYSTEM, NOW),
        ):
            pytest.fail("it was begun")
        assert time.monotonic() - began < SECONDS + 2
    told = [(e.type, e.body.get("reason")) for e in bound.log.events()][-3:]
    # What the witness itself did is told by whoever asked it, a moment before or after.
    silent_one = ("log.anchor.failed", "unreachable")
    assert told.count(silent_one) <= 1
    assert [one for one in told if one != silent_one][-2:] == [
        ("operation.announced", None),
        ("log.anchor.failed", "unreached_quorum"),
    ]


def test_what_was_done_while_the_witnesses_went_away_is_recorded_and_its_answer_withheld(
    bound: Bound, witness: Other
) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    quorum = Quorum(bound.bench.database, bound.log, bound.anchors, synchronous=True)

    def administer() -> None:
        bound.grow()
        witness.following.unfollow(1, SYSTEM, NOW)

    with (
        pytest.raises(Unavailable, match="it was done and is recorded, its answer is withheld"),
        quorum.witnessed("app.add", SYSTEM, NOW),
    ):
        administer()
    types = [e.type for e in bound.log.events()][-2:]
    assert types == ["vault.record.revealed", "log.anchor.failed"]


def test_with_its_witnesses_it_answers_once_they_saw_what_it_recorded(
    bound: Bound, witness: Other
) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    quorum = Quorum(bound.bench.database, bound.log, bound.anchors, synchronous=True)
    with quorum.witnessed("app.add", SYSTEM, NOW):
        announced = next(e.seq for e in bound.log.events() if e.type == "operation.announced")
        assert witness.following.listed()[0].size > announced
        bound.grow()
        with bound.log.prover() as prover:
            after = prover.size
    assert witness.following.listed()[0].size >= after


def test_a_home_that_asks_nobody_is_witnessed_by_nobody(bound: Bound) -> None:
    quorum = Quorum(bound.bench.database, bound.log, bound.anchors, synchronous=True)
    with pytest.raises(Unavailable), quorum.witnessed("app.add", SYSTEM, NOW):
        pytest.fail("it was begun")


def test_off_it_costs_nothing(bound: Bound) -> None:
    quorum = Quorum(bound.bench.database, bound.log, bound.anchors, synchronous=False)
    with bound.log.prover() as prover:
        before = prover.size
    with quorum.witnessed("app.add", SYSTEM, NOW):
        pass
    with bound.log.prover() as prover:
        assert prover.size == before


# -- the end of a process --------------------------------------------------------------------------


def test_a_stop_waits_a_bounded_time_and_records_nothing(
    bound: Bound, witness: Other, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.anchors.anchors.CLOSING_SECONDS", 1.0)
    witness.follow(bound.log)
    with silent(tmp_path / "silent") as (url, ca):
        bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        bound.witness(witness)
        with bound.log.prover() as prover:
            size = prover.size
        began = time.monotonic()
        bound.anchors.close(NOW)
        assert time.monotonic() - began < 3
        with bound.log.prover() as prover:
            assert prover.size == size
        assert witness.following.listed()[0].size == size
