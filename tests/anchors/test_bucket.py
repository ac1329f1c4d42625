"""Copies in a bucket with object lock, against a server that speaks S3; its owner can't take them away."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from strongroom import logs
from strongroom.anchors import AnchorKind
from strongroom.anchors.bucket import Bucket, Credentials
from strongroom.crypto.note import Verifier
from strongroom.errors import Malformed
from tests.support.anchors import Bound, answering
from tests.support.bucket import KEY, SECRET, Pretend, serving

# The pretend cloud takes its time to start.
pytestmark = [pytest.mark.clause("1.6", "2.6"), pytest.mark.timeout(300)]

KIND = AnchorKind.COPY
TOKEN = f"{KEY}:{SECRET}"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretend]:
    with serving(tmp_path_factory.mktemp("cloud")) as found:
        yield found


def test_a_copy_in_a_bucket_is_locked_whoever_asks(sqlite_bound: Bound, cloud: Pretend) -> None:
    cloud.do("make", "evidence")
    sqlite_bound.grow(297)
    sqlite_bound.add(KIND, cloud.place("evidence"), "", cloud.ca, secret=TOKEN)
    assert sqlite_bound.fault(KIND) is None
    sqlite_bound.grow(5)
    assert sqlite_bound.fault(KIND) is None
    found = cloud.do("list", "evidence")
    assert {"log/checkpoint", "log/tile/0/000", "log/tile/entries/000"} <= found.keys()
    assert len(found["log/checkpoint"]) == 2
    assert len(found["log/tile/entries/000"]) == 1
    for versions in found.values():
        for version, mode, until, _ in versions:
            assert mode == "COMPLIANCE"
            assert until.startswith("2027-04-05")  # 400 days after the tests' own day
            assert version not in ("null", None)
    version = found["log/tile/entries/000"][0][0]
    assert (
        cloud.do("delete", "evidence", "log/tile/entries/000", version)["error"] == "AccessDenied"
    )
    note = bytes.fromhex(cloud.do("get", "evidence", "log/checkpoint")["content"]).decode()
    Verifier(sqlite_bound.bench.signer.vkey).verify(note)


def test_another_log_in_the_bucket_is_told_and_left(sqlite_bound: Bound, cloud: Pretend) -> None:
    cloud.do("make", "foreign")
    cloud.do("put", "foreign", "log/checkpoint", b"somebody else's".hex())
    sqlite_bound.add(KIND, cloud.place("foreign"), "", cloud.ca, secret=TOKEN)
    assert sqlite_bound.fault(KIND) == "forked"
    assert list(cloud.do("list", "foreign")) == ["log/checkpoint"]


def test_a_bucket_that_is_not_there_is_not_an_empty_one(
    sqlite_bound: Bound, cloud: Pretend
) -> None:
    sqlite_bound.add(KIND, cloud.place("nowhere"), "", cloud.ca, secret=TOKEN)
    assert sqlite_bound.fault(KIND) == "not_found"


@pytest.mark.parametrize(
    ("status", "reason"),
    [(403, "not_authorized"), (400, "not_authorized"), (503, "upstream_error")],
)
def test_a_refusal_is_told(sqlite_bound: Bound, tmp_path: Path, status: int, reason: str) -> None:
    with answering(tmp_path / "server", lambda *_: (status, {}, b"")) as (url, ca):
        place = f"s3://evidence?region=eu-central-1&days=1&endpoint={url}"
        sqlite_bound.add(KIND, place, "", ca, secret=TOKEN)
        assert sqlite_bound.fault(KIND) == reason


def test_addresses_and_credentials_have_one_form() -> None:
    found = Bucket.parse("s3://evidence/a/b?region=eu-central-1&days=400")
    assert found.address == "https://evidence.s3.eu-central-1.amazonaws.com/a/b"
    assert (found.region, found.days) == ("eu-central-1", 400)
    for bad in (
        "s3://evidence",
        "s3://evidence?region=eu-central-1",
        "s3://evidence?region=eu-central-1&days=0",
        "s3://evidence?region=eu/../x&days=1",
        "s3://evidence/..//x?region=eu-central-1&days=1",
        "s3://Evidence?region=eu-central-1&days=1",
        "s3://user@evidence?region=eu-central-1&days=1",
        "s3://evidence?region=eu-central-1&days=1&endpoint=http://localhost",
        "s3://evidence?region=eu-central-1&days=1&acl=public-read",
    ):
        with pytest.raises(Malformed):
            Bucket.parse(bad)
    for bad in ("", "key", "key:", "key with spaces:secret-of-it", f"{KEY}:line\nbreak"):
        with pytest.raises(Malformed):
            Credentials.parse(bad)
    assert SECRET not in repr(Credentials.parse(TOKEN))


def test_nothing_that_the_signer_says_reaches_the_log(
    sqlite_bound: Bound, cloud: Pretend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells of what it signs at a level that is off, and its texts never pass the fence."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = root.handlers[:], root.level
    try:
        logs.configure(stream)
        root.setLevel(logging.DEBUG)  # whatever it is set to, the fence stands
        cloud.do("make", "quiet")
        sqlite_bound.add(KIND, cloud.place("quiet"), "", cloud.ca, secret=TOKEN)
        assert sqlite_bound.fault(KIND) is None
        logging.getLogger("botocore.auth").warning("signing for %s", TOKEN)
    finally:
        root.handlers[:], level = before
        root.setLevel(level)
    said = stream.getvalue()
    assert "botocore.auth" in said
    for secret in (KEY, SECRET, "quiet", "checkpoint", "AWS4-HMAC"):
        assert secret not in said
