"""A home in which people did things, and a pack of it."""

from __future__ import annotations

import io
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from tests.desk.conftest import NOW, made_for_two
from tests.support.filled import fill, fill_records
from tests.support.offline import Offline
from tests.support.pages import DeskHome

from strongroom.assurance.packs import Pack, Packs
from strongroom.db import schema

__all__ = ["made_for_two"]

YEAR = timedelta(days=365)
LATER = NOW + timedelta(hours=1)


@dataclass
class Filled:
    """A home that was closed, for copies."""

    path: Path
    pack: Pack


def unpacked(pack: Pack) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(pack.archive)) as archive:
        return {
            name.removeprefix(f"{pack.name}/"): archive.read(name) for name in archive.namelist()
        }


def build(home: DeskHome) -> Pack:
    packs: Packs = home.system.assurance.packs
    return packs.build(home.console, home.now - YEAR, home.now, home.now)


def spread(files: dict[str, bytes], folder: Path) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def damage(home: DeskHome, number: int) -> None:
    """Change kept bytes behind the house's back."""
    pieces = schema.evidence_piece
    with home.system.database.write() as tx:
        tx.execute(pieces.delete().where(pieces.c.item_id == number))


@pytest.fixture(scope="module")
def before(made_for_two: Offline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a home with something in every room."""
    path = tmp_path_factory.mktemp("packs") / "home"
    shutil.copytree(made_for_two.path, path)
    with DeskHome.opened(path, NOW) as home:
        member = home.first()
        fill(home, member)
        fill_records(home, member)
    return path


@pytest.fixture
def home(before: Path, tmp_path: Path) -> Iterator[DeskHome]:
    """Give a copy of it, open."""
    shutil.copytree(before, tmp_path / "home")
    with DeskHome.opened(tmp_path / "home", LATER) as opened:
        yield opened


@pytest.fixture(scope="module")
def filled(before: Path, tmp_path_factory: pytest.TempPathFactory) -> Filled:
    """Give a pack of it."""
    path = tmp_path_factory.mktemp("pack") / "home"
    shutil.copytree(before, path)
    with DeskHome.opened(path, LATER) as opened:
        return Filled(before, build(opened))
