"""Homes and gateways to break into: those of the rooms' own tests, and one that nobody serves."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tests.gateway.conftest import clean_simulator, make_door, shop, simulator
from tests.support.offline import Offline
from tests.vault.conftest import make_world, sqlite_world

from strongroom import logs

__all__ = ["clean_simulator", "make_door", "make_world", "shop", "simulator", "sqlite_world"]


@pytest.fixture(autouse=True)
def _soft(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep commands that run in the tests' own process from hardening it for good."""
    monkeypatch.setattr(logs, "harden", lambda **_: None)


@pytest.fixture(scope="session")
def made_home(tmp_path_factory: pytest.TempPathFactory) -> Offline:
    """Make a home once: stretching a passphrase takes its time."""
    return Offline.make(tmp_path_factory.mktemp("made") / "test")


@pytest.fixture
def offline(made_home: Offline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Offline:
    """Give a copy of a home for tests, to break."""
    monkeypatch.delenv("STRONGROOM_HOME", raising=False)
    shutil.copytree(made_home.path, tmp_path / "home")
    return Offline(tmp_path / "home")
