"""A home of two people that nobody serves, and its desk; made once, copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.support.offline import Offline
from tests.support.pages import DeskHome, Member

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def made_for_two(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Make a home once: stretching a passphrase takes its time."""
    return Offline.make(tmp_path_factory.mktemp("two") / "test", one_person=False)


@pytest.fixture
def home(made_for_two: Offline, tmp_path: Path) -> Iterator[DeskHome]:
    """Give a home in which nobody has signed on yet."""
    shutil.copytree(made_for_two.path, tmp_path / "home")
    with DeskHome.opened(tmp_path / "home", NOW) as opened:
        yield opened


@pytest.fixture(scope="session")
def joined(made_for_two: Offline, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Member]:
    """Make a home whose first administrator came in through the pages."""
    path = tmp_path_factory.mktemp("joined") / "home"
    shutil.copytree(made_for_two.path, path)
    with DeskHome.opened(path, NOW) as opened:
        member = opened.first()
    return path, member


@pytest.fixture
def ada(joined: tuple[Path, Member], tmp_path: Path) -> Iterator[Member]:
    """Give the first administrator, signed on, in a home of the test's own."""
    path, made = joined
    shutil.copytree(path, tmp_path / "home")
    with DeskHome.opened(tmp_path / "home", NOW) as opened:
        browser = opened.visitor(cookies=dict(made.browser.cookies))
        yield Member(made.name, browser, made.secret, made.password, list(made.recovery))
