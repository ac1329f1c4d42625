"""Backups in a bucket: in parts, locked, resumed where they were interrupted, and read back [2.1]."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from tests.support.bucket import KEY, SECRET, Pretend, serving

from strongroom.anchors.bucket import Bucket, Credentials
from strongroom.backups.targets import BucketTarget, part_name
from strongroom.errors import Tampered, Unavailable
from strongroom.outbound import Outbound, client_context

pytestmark = pytest.mark.clause("2.1")

NAME = "20260310T120000Z-000001.age"


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pretend]:
    with serving(tmp_path_factory.mktemp("cloud")) as found:
        found.do("make", "backups")
        yield found


def test_a_file_lies_in_locked_parts_and_goes_on_where_it_stopped(
    cloud: Pretend, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("strongroom.backups.targets.PART_BYTES", 1000)
    # The pretend server has the machine's clock.
    now = datetime.now(UTC)  # noqa: TID251 - as said
    target = BucketTarget(
        Outbound(client_context(cloud.ca)),
        Bucket.parse(cloud.place("backups", "/b", 40)),
        Credentials.parse(f"{KEY}:{SECRET}"),
        now,
    )
    content = bytes(range(256)) * 10
    path = tmp_path / NAME
    path.write_bytes(content)
    digest = sha256(content).hexdigest()
    told: list[int] = []
    assert target.store(path, digest, 1, told.append) == 3
    assert told == [2, 3]
    with pytest.raises(Tampered, match="gone"):
        target.check(NAME, digest, 3)
    assert target.store(path, digest, 0, told.append) == 3
    target.check(NAME, digest, 3)
    versions = cloud.do("list", "backups")[f"b/{part_name(NAME, 0)}"]
    assert versions[0][1] == "COMPLIANCE"
    assert versions[0][2] >= str((now + timedelta(days=39)).date())
    with pytest.raises(Tampered, match="not what was put"):
        target.check(NAME, sha256(b"other").hexdigest(), 3)
    target.remove(NAME, 3)
    target.remove(NAME, 3)
    with pytest.raises(Tampered, match="gone"):
        target.check(NAME, digest, 3)


def test_a_bucket_that_is_not_there_is_unavailable(cloud: Pretend, tmp_path: Path) -> None:
    target = BucketTarget(
        Outbound(client_context(cloud.ca)),
        Bucket.parse(cloud.place("nowhere", "/b", 40)),
        Credentials.parse(f"{KEY}:{SECRET}"),
        datetime(2026, 3, 10, tzinfo=UTC),
    )
    path = tmp_path / NAME
    path.write_bytes(b"x")
    with pytest.raises(Unavailable):
        target.store(path, sha256(b"x").hexdigest(), 0, lambda _n: None)
