"""Homes to look at: made once, copied for each test; a check is asked alone, or through the room that keeps it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.checks.looking import House, filled
from tests.support.offline import Offline

NOW = datetime(2026, 3, 10, 12, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def made_bare(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home of one person once: stretching a passphrase takes its time."""
    return Offline.make(tmp_path_factory.mktemp("checked") / "one", one_person=True).path


@pytest.fixture(scope="session")
def made_alone(made_bare: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Put a selling partner into one like it."""
    path = tmp_path_factory.mktemp("checked") / "home"
    shutil.copytree(made_bare, path)
    return filled(path, NOW)


@pytest.fixture(scope="session")
def made_together(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home of two people once, as the other one."""
    made = Offline.make(tmp_path_factory.mktemp("checked") / "two", one_person=False)
    return filled(made.path, NOW)


@pytest.fixture
def opening(tmp_path: Path) -> Iterator[Callable[..., House]]:
    """Open homes for the test, each closed after it."""
    with ExitStack() as stack:
        yield lambda path, **more: stack.enter_context(House.opened(path, tmp_path, **more))


@pytest.fixture
def bare(made_bare: Path, tmp_path: Path, opening: Callable[..., House]) -> House:
    """Give a home of one person, without a selling partner."""
    shutil.copytree(made_bare, tmp_path / "home")
    return opening(tmp_path / "home", now=NOW)


@pytest.fixture
def house(made_alone: Path, tmp_path: Path, opening: Callable[..., House]) -> House:
    """Give a home of one person."""
    shutil.copytree(made_alone, tmp_path / "home")
    return opening(tmp_path / "home", now=NOW)


@pytest.fixture
def shared(made_together: Path, tmp_path: Path, opening: Callable[..., House]) -> House:
    """Give a home of two people."""
    shutil.copytree(made_together, tmp_path / "home")
    return opening(tmp_path / "home", now=NOW)
