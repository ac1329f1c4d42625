"""The log stamped by a real authority, `openssl ts` behind HTTPS, and answers that must not count."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.anchors import AnchorKind
from strongroom.errors import Malformed
from tests.support.anchors import Authority, Bound, answering
from tests.support.audit import NOW

pytestmark = pytest.mark.clause("1.6", "2.6")

KIND = AnchorKind.TIMESTAMP


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority.make(tmp_path / "authority")


@pytest.fixture
def stamping(tmp_path: Path, authority: Authority) -> Iterator[tuple[str, str]]:
    with answering(tmp_path / "server", authority.answers) as at:
        yield at


def test_a_checkpoint_is_stamped_and_openssl_agrees(
    bound: Bound, authority: Authority, stamping: tuple[str, str], tmp_path: Path
) -> None:
    url, ca = stamping
    bound.add(KIND, f"{url}/tsr", authority.roots, ca)
    assert bound.fault(KIND) is None
    assert bound.told() == [("log.timestamped", None)]
    with bound.log.prover() as prover:
        files = bound.anchors.evidence(prover.size, prover.vkey)
    for name in ("timestamp.note", "timestamp.tsr"):
        (tmp_path / name).write_bytes(files[name])
    done = subprocess.run(
        ["openssl", "ts", "-verify", "-data", "timestamp.note", "-in", "timestamp.tsr",
         "-CAfile", str(authority.directory / "root.pem")],
        cwd=tmp_path, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert "Verification: OK" in done.stdout + done.stderr


def test_it_is_taken_once_an_hour(
    sqlite_bound: Bound, authority: Authority, stamping: tuple[str, str]
) -> None:
    sqlite_bound.add(KIND, stamping[0], authority.roots, stamping[1])
    for minutes in (0, 1, 59, 60, 61):
        sqlite_bound.anchors.follow_clock(NOW + timedelta(minutes=minutes))
    assert sqlite_bound.told() == [("log.timestamped", None)] * 2


def test_a_recorded_answer_does_not_count_twice(
    tmp_path: Path, sqlite_bound: Bound, authority: Authority
) -> None:
    """Its nonce is another request's, and so is its hash."""
    kept: list[bytes] = []

    def answers(_method: str, _path: str, body: bytes) -> tuple[int, dict[str, str], bytes]:
        kept.append(authority.reply(body))
        return 200, {"content-type": "application/timestamp-reply"}, kept[0]

    with answering(tmp_path / "server", answers) as (url, ca):
        sqlite_bound.add(KIND, url, authority.roots, ca)
        assert sqlite_bound.fault(KIND) is None
        assert sqlite_bound.fault(KIND) == "tampered"


def test_only_the_authority_that_was_pinned_counts(
    tmp_path: Path, sqlite_bound: Bound, authority: Authority, stamping: tuple[str, str]
) -> None:
    another = Authority.make(tmp_path / "another")
    sqlite_bound.add(KIND, stamping[0], another.roots, stamping[1])
    assert sqlite_bound.fault(KIND) == "tampered"
    assert sqlite_bound.anchors.evidence(99, "key") == {}


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ((500, {}, b""), "upstream_error"),
        ((200, {}, b""), "malformed_upstream"),
        ((200, {"content-type": "text/html"}, b"<p>welcome"), "malformed_upstream"),
        (
            (200, {"content-type": "application/timestamp-reply"}, b"\x30\x03junk"),
            "malformed_upstream",
        ),
        # A refusal: status 2, no token.
        (
            (200, {"content-type": "application/timestamp-reply"}, bytes.fromhex("30053003020102")),
            "malformed_upstream",
        ),
    ],
)
def test_an_answer_that_is_none_is_told(
    tmp_path: Path,
    sqlite_bound: Bound,
    authority: Authority,
    answer: tuple[int, dict[str, str], bytes],
    reason: str,
) -> None:
    with answering(tmp_path / "server", lambda *_: answer) as (url, ca):
        sqlite_bound.add(KIND, url, authority.roots, ca)
        assert sqlite_bound.fault(KIND) == reason


def test_an_authority_comes_with_its_roots(sqlite_bound: Bound) -> None:
    with pytest.raises(Malformed):
        sqlite_bound.add(KIND, "https://localhost", "no PEM")
