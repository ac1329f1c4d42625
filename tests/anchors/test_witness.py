"""A log and its witnesses: what is asked, verified, kept and told; and a home that is a witness itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.anchors import AnchorKind
from strongroom.anchors.cadence import is_due, is_due_hourly
from strongroom.crypto.cosignature import Witness
from strongroom.crypto.note import parse_checkpoint, parse_note
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import SYSTEM
from tests.support.anchors import Bound, Other, answering, heartbeat, other
from tests.support.audit import NOW

pytestmark = pytest.mark.clause("2.6")


def test_a_witness_cosigns_what_continues_what_it_saw(bound: Bound, witness: Other) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    for size in (3, 4, 300):
        bound.grow(size - parse_checkpoint(parse_note(bound.log.checkpoint(NOW)).text).size)
        assert bound.fault() is None
        ((anchor, sound),) = bound.anchors.listed(AnchorKind.WITNESS)
        assert sound
        assert anchor.size >= size
        (followed,) = witness.following.listed()
        assert followed.size == anchor.size


def test_what_it_signed_is_a_note_that_its_key_verifies(bound: Bound, witness: Other) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    bound.ask()
    with bound.log.prover() as prover:
        files = bound.anchors.evidence(prover.size, prover.vkey)
    note = parse_note(files["cosigned"].decode())
    assert [line.name for line in note.signatures] == [
        bound.log.origin,
        "strongroom.invalid/witness/other",
    ]
    lines = files["cosigned"].decode().rpartition("\n\n")[2].splitlines()
    found = Witness(witness.following.vkey).verify(note.text, lines)
    assert found.timestamp == int(NOW.timestamp())
    assert (
        parse_checkpoint(note.text).size == 4
    )  # the event that the witness was added is the fourth
    assert files["policy"].decode().splitlines()[-1] == "quorum quorum"


def test_a_witness_that_has_seen_more_than_we_remember_is_asked_from_there(
    bound: Bound, witness: Other
) -> None:
    """As after a restart behind the answer, before it was stored."""
    witness.follow(bound.log)
    bound.witness(witness)
    bound.ask()
    ((anchor, _),) = bound.anchors.listed()
    bound.anchors._rows.reached(anchor, "", 0, NOW)
    bound.grow(9)
    assert bound.fault() is None


def test_events_tell_of_changes_and_then_once_an_hour(bound: Bound, witness: Other) -> None:
    bound.witness(witness)
    assert bound.fault() == "not_found"
    witness.follow(bound.log)
    now = NOW
    for _ in range(14):
        now += timedelta(minutes=5)
        heartbeat(bound.log, bound.bench.database, now)
        bound.anchors.follow_clock(now)
    told = bound.told()
    assert told == [("log.anchor.failed", "not_found"), *[("log.witnessed", None)] * 2]
    cosigned = [e.outcome for e in witness.log.events() if e.type == "log.cosigned"]
    assert cosigned == ["denied", "success"]


def test_a_log_that_nothing_else_makes_grow_comes_to_rest(bound: Bound, witness: Other) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    now = NOW
    for _ in range(10):
        now += timedelta(minutes=5)
        bound.anchors.follow_clock(now)
    with bound.log.prover() as prover:
        assert prover.size == 5  # three, the witness added, the first time that it cosigned
    (followed,) = witness.following.listed()
    assert followed.size == 5


def test_two_homes_that_witness_each_other_come_to_rest(
    tmp_path: Path, sqlite_bound: Bound
) -> None:
    with other(tmp_path / "a") as one, other(tmp_path / "b", 9) as two:
        first, second = Bound.of(one.bench), Bound.of(two.bench)
        first.grow()
        second.grow()
        one.follow(two.log)
        two.follow(one.log)
        first.witness(two)
        second.witness(one)
        sizes = []
        for minute in range(12):
            now = NOW + timedelta(minutes=minute)
            first.anchors.follow_clock(now)
            second.anchors.follow_clock(now)
            with one.log.prover() as a, two.log.prover() as b:
                sizes.append((a.size, b.size))
        assert sizes[-1] == sizes[3]
        assert max(sizes[-1]) < 8


def test_one_of_each_hour_and_the_newest_stay(bound: Bound, witness: Other) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    now = NOW.replace(minute=0)
    for _ in range(9):
        now += timedelta(minutes=10)
        heartbeat(bound.log, bound.bench.database, now)
        bound.anchors.follow_clock(now)
    with bound.bench.database.read() as tx:
        rows = tx.exec_driver_sql("SELECT size FROM anchor_cosignature ORDER BY size").fetchall()
    assert len(rows) == 2


def test_witnesses_are_added_once_listed_and_removed(bound: Bound, witness: Other) -> None:
    id_ = bound.witness(witness)
    with pytest.raises(Conflict):
        bound.witness(witness)
    for place, key in (
        ("http://localhost:1", witness.following.vkey),
        ("https://user@localhost", witness.following.vkey),
        ("dir:/tmp", witness.following.vkey),
        ("https://localhost:1", "no+key+at-all"),
    ):
        with pytest.raises(Malformed):
            bound.add(AnchorKind.WITNESS, place, key)
    with pytest.raises(Malformed):
        bound.add(AnchorKind.WITNESS, "https://localhost:1", witness.following.vkey, "no PEM")
    with pytest.raises(NotFound):
        bound.anchors.remove(id_, AnchorKind.COPY, SYSTEM, NOW)
    bound.anchors.remove(id_, AnchorKind.WITNESS, SYSTEM, NOW)
    assert bound.anchors.listed() == []
    assert bound.ask().done == ()
    changes = [e.body["op"] for e in bound.log.events() if e.type == "log.anchor.changed"]
    assert changes == ["witness.add", "witness.remove"]


def test_a_quorum_counts_keys_not_addresses(tmp_path: Path, sqlite_bound: Bound) -> None:
    with other(tmp_path / "a") as one, other(tmp_path / "b", 9) as two:
        for each in (one, two):
            each.follow(sqlite_bound.log)
        sqlite_bound.witness(one)
        sqlite_bound.add(
            AnchorKind.WITNESS,
            one.url.replace("localhost", "127.0.0.1"),
            one.following.vkey,
            one.ca,
        )
        assert len(sqlite_bound.ask().keys) == 1
        sqlite_bound.witness(two)
        assert len(sqlite_bound.ask().keys) == 2


def test_redirects_and_answers_that_are_none_are_told_apart(
    tmp_path: Path, sqlite_bound: Bound, witness: Other
) -> None:
    said: list[tuple[int, dict[str, str], bytes]] = []
    with answering(tmp_path / "server", lambda *_: said[0]) as (url, ca):
        sqlite_bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
        for answer, reason in (
            ((302, {"location": witness.url}, b""), "upstream_error"),
            ((500, {}, b""), "upstream_error"),
            ((429, {}, b""), "upstream_error"),
            ((403, {}, b""), "not_authorized"),
            ((404, {}, b""), "not_found"),
            ((422, {}, b""), "forked"),
            ((200, {}, b"\xff\xfe"), "malformed_upstream"),
            ((200, {}, b""), "malformed_upstream"),
            ((200, {}, "— elsewhere AAAAAAAA\n".encode()), "malformed_upstream"),
            ((409, {}, b"3\n"), "malformed_upstream"),
            ((409, {"content-type": "text/x.tlog.size"}, b"many\n"), "malformed_upstream"),
            ((409, {"content-type": "text/x.tlog.size"}, b"99\n"), "rolled_back"),
        ):
            said[:] = [answer]
            assert sqlite_bound.fault() == reason, answer


def test_when_an_event_is_due() -> None:
    minute = timedelta(minutes=1)
    assert is_due(None, None, "", NOW)
    assert not is_due("", NOW, "", NOW + 59 * minute)
    assert is_due("", NOW, "", NOW + 60 * minute)
    assert is_due("", NOW, "forked", NOW + minute)
    assert not is_due("", NOW, "unreachable", NOW + minute)
    assert is_due("", NOW, "unreachable", NOW + 10 * minute)
    assert not is_due("rolled_back", NOW, "forked", NOW + minute)
    assert not is_due("forked", NOW, "forked", NOW + 23 * 60 * minute)
    assert is_due("forked", NOW, "forked", NOW + 24 * 60 * minute)
    assert is_due("", NOW, "", NOW - minute)
    assert is_due_hourly(None, None, None, NOW)
    assert not is_due_hourly(NOW, NOW, None, NOW + 59 * minute)
    assert is_due_hourly(NOW, NOW, None, NOW + 60 * minute)
    assert not is_due_hourly(NOW, NOW, "unreachable", NOW + 9 * minute)
    assert is_due_hourly(NOW, NOW, "unreachable", NOW + 10 * minute)
