"""A history is rewritten, set back or shown twice; a witness is forged, tricked or made to speak: each is found."""

from __future__ import annotations

import base64
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.anchors.test_following import asking, post
from tests.support import tables
from tests.support.anchors import Bound, Other, answering, other
from tests.support.audit import NOW, Bench

from strongroom.anchors import AnchorKind
from strongroom.anchors.asking import Asked, compose, parse
from strongroom.audit import offline
from strongroom.audit.tree import EMPTY_ROOT
from strongroom.crypto.cosignature import Cosigner
from strongroom.crypto.note import Signer, checkpoint_text, parse_checkpoint, parse_note
from strongroom.db import schema
from strongroom.db.engine import Database
from strongroom.terms import SYSTEM

pytestmark = pytest.mark.clause("2.6")


def bound_at(path: Path, first: int = 0) -> Bound:
    """Return a log of three entries at a path; another `first`, another past under the same key."""
    database = Database(tables.copy_to(path))
    bench = Bench(database, path.with_suffix(".note"), _draws=iter(range(first, 10**9)))
    found = Bound.of(bench)
    found.grow(3)
    return found


@pytest.fixture
def bound(tmp_path: Path) -> Iterator[Bound]:
    found = bound_at(tmp_path / "vault.db")
    yield found
    found.bench.database.close()


@pytest.fixture
def witness(tmp_path: Path) -> Iterator[Other]:
    with other(tmp_path / "witness") as found:
        yield found


# -- the log lies ----------------------------------------------------------------------------------


def test_a_history_rewritten_with_key_and_memory_is_found_by_a_witness(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    witness.follow(bound.log)
    bound.grow(300)
    bound.witness(witness)
    assert bound.fault() is None
    rewritten = bound_at(tmp_path / "anew.db", first=10**6)
    rewritten.grow(400)
    rewritten.witness(witness)
    assert rewritten.fault() == "forked"
    assert rewritten.told()[-1] == ("log.anchor.failed", "forked")
    refusals = [e.body.get("reason") for e in witness.log.events() if e.type == "log.cosigned"]
    assert refusals == [None, "forked"]
    rewritten.bench.database.close()


def test_a_whole_home_set_back_is_found_by_a_witness(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    witness.follow(bound.log)
    bound.witness(witness)
    bound.bench.database.truncate_wal()
    shutil.copy(tmp_path / "vault.db", tmp_path / "old.db")
    bound.grow(20)
    assert bound.fault() is None
    # The copy has no memory of what came after either: its signer vouches for it gladly.
    old = Bound.of(Bench(Database(f"sqlite:///{tmp_path / 'old.db'}"), tmp_path / "old.note"))
    assert old.fault() == "rolled_back"
    # Whoever lets it grow past what the witness saw shows another history.
    old.grow(50)
    assert old.fault() == "forked"
    old.bench.database.close()


def test_who_is_shown_another_history_than_the_witness_has_no_cosignature_of_it(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    """A split view: one log for the witness, another for the auditor, both signed with the real key."""
    witness.follow(bound.log)
    bound.witness(witness)
    bound.ask()
    shown = bound_at(tmp_path / "shown.db", first=10**6)
    shown.grow(1)
    assert post(witness, asking(shown, 4, 4))[0] == 409
    assert post(witness, asking(shown, 0, 4))[0] == 409
    with bound.log.prover() as real, shown.log.prover() as false:
        line = bound.anchors.evidence(4, real.vkey)["cosigned"].decode().splitlines()[-1]
        moved = f"{false.note(4)}{line}\n"
    key = offline.parse_key(witness.following.vkey, b"\x04")
    with pytest.raises(offline.FaultError, match=r"^witness\.forged"):
        offline.check_cosignature(moved, key, "cosigned")
    shown.bench.database.close()


# -- the witness's word is forged ------------------------------------------------------------------


def test_a_forged_or_replayed_cosignature_does_not_count(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    real = Cosigner("strongroom.invalid/witness/other", bytes([7]) * 32)
    thief = Cosigner("strongroom.invalid/witness/other", bytes(32))
    older = real.cosign(checkpoint_text(bound.log.origin, 3, bytes(32)), 1)

    def forged(body: bytes) -> str:
        """Name the witness and its key, and sign with another."""
        line = thief.cosign(parse_note(parse(body).note).text, 1)
        blob = base64.b64decode(line.split()[2])
        own = base64.b64decode(real.cosign("x\n", 1).split()[2])[:4]
        return f"— {real.name} {base64.b64encode(own + blob[4:]).decode()}\n"

    for make, reason in (
        (lambda _body: older, "tampered"),
        (forged, "tampered"),
        (lambda body: thief.cosign(parse_note(parse(body).note).text, 1), "malformed_upstream"),
        (lambda body: parse(body).note.splitlines()[-1] + "\n", "malformed_upstream"),
    ):

        def answers(_method: str, _path: str, body: bytes, made=make):
            return 200, {}, made(body).encode()

        with answering(tmp_path / "server", answers) as (url, ca):
            id_ = bound.add(AnchorKind.WITNESS, url, real.vkey, ca)
            assert bound.fault() == reason
            assert bound.ask().keys == frozenset()
            assert "cosigned" not in bound.anchors.evidence(99, "key")
            bound.anchors.remove(id_, AnchorKind.WITNESS, SYSTEM, NOW)
        shutil.rmtree(tmp_path / "server")


def test_a_redirect_leads_nowhere(bound: Bound, witness: Other, tmp_path: Path) -> None:
    reached: list[bytes] = []

    def elsewhere(_method: str, _path: str, body: bytes):
        reached.append(body)
        return 200, {}, b""

    with answering(tmp_path / "elsewhere", elsewhere) as (target, _):
        for status in (301, 302, 307, 308):

            def answers(*_: object, code=status):
                return code, {"location": f"{target}/add-checkpoint"}, b""

            with answering(tmp_path / "server", answers) as (url, ca):
                id_ = bound.add(AnchorKind.WITNESS, url, witness.following.vkey, ca)
                assert bound.fault() == "upstream_error"
                bound.anchors.remove(id_, AnchorKind.WITNESS, SYSTEM, NOW)
            shutil.rmtree(tmp_path / "server")
    assert reached == []


def test_a_witness_whose_row_was_edited_or_revived_is_asked_nothing_and_counts_for_nothing(
    bound: Bound, witness: Other
) -> None:
    """By who writes to the database: a key of theirs in place of the witness's would cosign anything."""
    witness.follow(bound.log)
    id_ = bound.witness(witness)
    table = schema.anchor
    thief = Cosigner("strongroom.invalid/witness/other", bytes(32))
    before = witness.following.listed()[0].size
    for column, value in (
        ("key", thief.vkey),
        ("place", "https://localhost:9"),
        ("ca", None),
        ("kind", "copy"),
    ):
        with bound.bench.database.write() as tx:
            kept = tx.execute(sa.select(table.c[column])).scalar_one()
            tx.execute(table.update().values({column: value}))
        for kind in (AnchorKind.WITNESS, AnchorKind.COPY):
            assert {done.reason for done in bound.ask(kind).done} <= {"tampered"}
        assert [sound for _, sound in bound.anchors.listed()] == [False]
        assert witness.following.listed()[0].size == before
        with bound.bench.database.write() as tx:
            tx.execute(table.update().values({column: kept}))
    bound.anchors.remove(id_, AnchorKind.WITNESS, SYSTEM, NOW)
    with bound.bench.database.write() as tx:
        tx.execute(table.update().values(removed_at=None))
    assert bound.fault() == "tampered"


# -- the witness is tricked ------------------------------------------------------------------------


def test_a_stranger_gets_nothing_cosigned_and_writes_no_flood(witness: Other, bound: Bound) -> None:
    stranger = Signer("stranger.example/log", bytes(32))
    body = compose(Asked(0, (), stranger.sign(checkpoint_text(stranger.name, 5, bytes(32)))))
    for _ in range(20):
        assert post(witness, body)[0] == 404
    assert [e.body["op"] for e in witness.log.events()] == ["stranger"]
    # Under the name of a log that is followed, with a key that is not its own.
    witness.follow(bound.log)
    liar = Signer(bound.log.origin, bytes(32))
    forged = compose(Asked(0, (), liar.sign(checkpoint_text(liar.name, 5, bytes(32)))))
    for _ in range(20):
        assert post(witness, forged)[0] == 403
    # A note of the followed log under another name's first line.
    assert post(witness, asking(bound, 0, 3).replace(b"test-home", b"TEST-HOME", 1))[0] == 404
    told = [e.body.get("reason") for e in witness.log.events() if e.type == "log.cosigned"]
    assert told == ["not_found", "not_authorized"]
    assert witness.following.listed()[0].size == 0


def test_a_witness_never_goes_backwards(bound: Bound, witness: Other) -> None:
    witness.follow(bound.log)
    bound.grow(97)
    assert post(witness, asking(bound, 0, 100))[0] == 200
    for old, size in ((0, 50), (50, 60), (0, 100), (99, 100)):
        assert post(witness, asking(bound, old, size))[0] == 409
    assert post(witness, asking(bound, 60, 60).replace(b"old 60", b"old 100"))[0] == 400
    assert witness.following.listed()[0].size == 100


def test_a_witness_whose_vault_was_set_back_cosigns_nothing_it_has_gone_past(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    witness.follow(bound.log)
    bound.grow(97)
    assert post(witness, asking(bound, 0, 100))[0] == 200
    with witness.bench.database.write() as tx:
        tx.execute(schema.followed_log.update().values(size=0, root=EMPTY_ROOT))
    forked = bound_at(tmp_path / "forked.db", first=10**6)
    forked.grow(200)
    assert post(witness, asking(forked, 0, 200))[0] == 503
    assert post(witness, asking(bound, 0, 100))[0] == 503
    told = [e.body.get("reason") for e in witness.log.events() if e.type == "log.cosigned"]
    assert told[-1] == "rolled_back"
    forked.bench.database.close()


def test_a_witness_whose_row_was_edited_cosigns_no_other_history(
    bound: Bound, witness: Other, tmp_path: Path
) -> None:
    """By the log's owner together with who may write to the witness's vault, but not to its keystore."""
    witness.follow(bound.log)
    bound.grow(97)
    assert post(witness, asking(bound, 0, 100))[0] == 200
    forked = bound_at(tmp_path / "forked.db", first=10**6)
    forked.grow(198)
    shown = parse_checkpoint(parse_note(parse(asking(forked, 0, 101)).note).text)
    with witness.bench.database.write() as tx:
        tx.execute(schema.followed_log.update().values(size=101, root=shown.root))
    assert post(witness, asking(forked, 101, 201))[0] == 409
    # The keystore knows where the log is: it goes on from there, and the row is put right.
    bound.grow(20)
    assert post(witness, asking(bound, 100, 120))[0] == 200
    assert witness.following.listed()[0].size == 120
    forked.bench.database.close()
