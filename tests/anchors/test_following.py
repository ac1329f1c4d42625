"""A home as a witness of other logs: every status of c2sp.org/tlog-witness, over its real listener."""

from __future__ import annotations

import http.client
import ssl
import threading
from urllib.parse import urlsplit

import pytest

from strongroom.anchors import Following
from strongroom.anchors.asking import Asked, compose, parse
from strongroom.crypto.cosignature import Cosigner, Witness
from strongroom.crypto.note import Signer, checkpoint_text, parse_note
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.terms import SYSTEM
from tests.support.anchors import Bound, Memories, Other
from tests.support.audit import NOW, Bench

pytestmark = pytest.mark.clause("2.6")


def post(
    witness: Other, body: bytes, path: str = "/add-checkpoint", method: str = "POST"
) -> tuple[int, str, bytes]:
    context = ssl.create_default_context(cadata=witness.ca)
    netloc = urlsplit(witness.url).netloc
    connection = http.client.HTTPSConnection(netloc, context=context, timeout=20)
    try:
        connection.request(method, path, body=body)
        answer = connection.getresponse()
        return answer.status, answer.headers.get("content-type", ""), answer.read()
    finally:
        connection.close()


def asking(bound: Bound, old: int, size: int) -> bytes:
    with bound.log.prover() as prover:
        proof = prover.growth(old, size).proof if 0 < old < size else ()
        return compose(Asked(old, proof, prover.note(size)))


@pytest.fixture
def followed(sqlite_bound: Bound, witness: Other) -> Bound:
    """Give a log of 300 entries that the witness follows and has seen 200 of."""
    witness.follow(sqlite_bound.log)
    sqlite_bound.grow(297)
    status, _, lines = post(witness, asking(sqlite_bound, 0, 200))
    assert status == 200
    assert lines.startswith("— ".encode())
    return sqlite_bound


def test_what_continues_is_cosigned(followed: Bound, witness: Other) -> None:
    body = asking(followed, 200, 300)
    status, _, lines = post(witness, body)
    text = parse_note(parse(body).note).text
    found = Witness(witness.following.vkey).verify(text, lines.decode().splitlines())
    assert (status, found.timestamp) == (200, int(NOW.timestamp()))
    # The same once more: nothing moves, and it is signed again.
    assert post(witness, asking(followed, 300, 300))[0] == 200
    assert witness.following.listed()[0].size == 300


def test_another_old_size_is_a_conflict_that_names_the_right_one(
    followed: Bound, witness: Other
) -> None:
    for old in (0, 100, 201):
        answer = post(witness, asking(followed, old, 300))
        assert answer == (409, "text/x.tlog.size", b"200\n")
    assert witness.following.listed()[0].size == 200


def test_other_statuses_are_the_specifications(followed: Bound, witness: Other) -> None:
    whole = asking(followed, 200, 300)
    broken = whole.replace(b"old 200\n", b"old 200\nAAAA\n")
    longer = (
        b"old 200\n"
        + b"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n" * 64
        + whole.partition(b"\n\n")[2]
    )
    assert post(witness, asking(followed, 200, 200).replace(b"old 200", b"old 201"))[0] == 400
    for body in (
        b"",
        b"old 1\n",
        b"old 01\n\n",
        b"new 1\n\n",
        b"\xff\xfe\n\n",
        broken,
        longer,
        b"old 0\n\nno note",
    ):
        assert post(witness, body)[0] == 400, body[:40]
    first, _, rest = whole.partition(b"\n")
    proof, _, note = rest.partition(b"\n\n")
    swapped = b"\n".join([first, *proof.split(b"\n")[::-1], b"", note])
    assert post(witness, swapped)[0] == 422
    assert post(witness, b"old 200\n\n" + note)[0] == 422
    assert post(witness, b"x" * (64 * 1024 + 1))[0] == 413
    assert post(witness, b"", method="GET")[0] == 405
    for path in ("/", "/add-checkpoint/", "/health"):
        assert post(witness, whole, path)[0] == 404
    assert witness.following.listed()[0].size == 200


def test_the_first_checkpoint_comes_without_a_proof(sqlite_bound: Bound, witness: Other) -> None:
    witness.follow(sqlite_bound.log)
    note = asking(sqlite_bound, 0, 3).partition(b"\n\n")[2]
    proof = b"A" * 43 + b"="
    assert post(witness, b"old 0\n" + proof + b"\n\n" + note)[0] == 422
    assert post(witness, b"old 0\n\n" + note)[0] == 200


def test_a_note_may_bear_other_signatures_and_extension_lines(witness: Other) -> None:
    signer = Signer("log.example/behind-the-sofa", bytes(32))
    witness.following.follow(signer.vkey, SYSTEM, NOW)
    text = checkpoint_text(signer.name, 5, bytes(32)) + "an extension\n"
    note = signer.sign(text) + Signer("elsewhere", bytes([1]) * 32).sign(text).rpartition("\n\n")[2]
    status, _, lines = post(witness, compose(Asked(0, (), note)))
    assert status == 200
    Witness(witness.following.vkey).verify(text, lines.decode().splitlines())


def test_where_a_log_is_survives_a_restart_and_an_interlude(
    followed: Bound, witness: Other
) -> None:
    (row,) = witness.following.listed()
    anew = Following(
        witness.bench.database,
        witness.log,
        Cosigner("strongroom.invalid/witness/other", bytes([7]) * 32),
        witness.memories,
    )
    assert anew.add_checkpoint(asking(followed, 0, 300), NOW).body == b"200\n"
    anew.unfollow(row.id, SYSTEM, NOW)
    assert anew.listed() == []
    assert anew.add_checkpoint(asking(followed, 200, 300), NOW).status == 404
    witness.follow(followed.log)
    assert anew.add_checkpoint(asking(followed, 0, 300), NOW).body == b"200\n"
    assert anew.add_checkpoint(asking(followed, 200, 300), NOW).status == 200


def test_of_requests_at_once_none_is_lost_or_set_back(followed: Bound, witness: Other) -> None:
    bodies = [asking(followed, 200, size) for size in range(201, 221)]
    answers: list[tuple[int, int]] = []

    def ask(size: int, body: bytes) -> None:
        answers.append((size, post(witness, body)[0]))

    threads = [
        threading.Thread(target=ask, args=(201 + number, body))
        for number, body in enumerate(bodies)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken = [size for size, status in answers if status == 200]
    assert {status for _, status in answers} == {200, 409}
    # All went from 200: exactly one can have been first.
    assert taken == [witness.following.listed()[0].size]


def test_what_can_be_followed(sqlite_bound: Bound, witness: Other) -> None:
    with pytest.raises(Conflict):
        witness.following.follow(witness.bench.signer.vkey, SYSTEM, NOW)
    witness.follow(sqlite_bound.log)
    with pytest.raises(Conflict):
        witness.follow(sqlite_bound.log)
    with pytest.raises(Conflict):
        witness.following.follow(Signer(sqlite_bound.log.origin, bytes(32)).vkey, SYSTEM, NOW)
    with pytest.raises(Malformed):
        witness.following.follow(witness.following.vkey, SYSTEM, NOW)
    with pytest.raises(NotFound):
        witness.following.unfollow(99, SYSTEM, NOW)
    # A witness without a memory of it yet, on each engine, is what the other tests have.
    assert Memories()("any").last() is None


def test_on_each_engine_the_first_of_two_moves_a_log_and_the_other_is_told(
    bench: Bench, sqlite_bound: Bound
) -> None:
    bench.signer = Signer("strongroom.invalid/audit/other/1", bytes([5]) * 32)
    witness = Other.of(bench)
    witness.follow(sqlite_bound.log)
    sqlite_bound.grow(97)
    bodies = [asking(sqlite_bound, 0, size) for size in range(90, 100)]
    replies: list[int] = []
    threads = [
        threading.Thread(
            target=lambda said=body: replies.append(
                witness.following.add_checkpoint(said, NOW).status
            )
        )
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(replies) == [200, *[409] * 9]
    (row,) = witness.following.listed()
    reply = witness.following.add_checkpoint(asking(sqlite_bound, row.size, 100), NOW)
    assert (reply.status, witness.following.listed()[0].size) == (200, 100)
    assert [e.type for e in witness.log.events()] == ["log.anchor.changed", "log.cosigned"]
