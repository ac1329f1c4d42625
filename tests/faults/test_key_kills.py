"""A sweep, an erasure and a rotation are killed at each of their durable steps, and end as if they had not been.

Nothing is lost that should stay, nothing is kept that should go, and the log verifies. What is done after the kill is
what the product does: the same command once more, or the next sweep or start.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from tests.support.archived import DUE
from tests.support.dying_keys import ORDER, VAULT, Killing, killing, opened
from tests.support.hsm import Hsm, plugged
from tests.support.restored import NOW as OPENED
from tests.support.restored import PASSPHRASE, Shop, readable
from tests.vault.conftest import CONSOLE, NAME, NOW, World, make_world, order

from strongroom.crypto.root import root_for
from strongroom.db.engine import Database
from strongroom.errors import Gone, Misconfigured
from strongroom.opening import open_system
from strongroom.operations import run
from strongroom.policy.retention import Progress
from strongroom.request import Request
from strongroom.terms import Action, Environment, SellerId
from strongroom.vault import Keystore, store

__all__ = ["make_world"]

HOUR = timedelta(hours=1)
FEW = 3

pytestmark = [pytest.mark.clause("2.1", "2.4"), pytest.mark.timeout(1800)]
SOME_AND_ALL = pytest.mark.parametrize(
    "most", [FEW, pytest.param(10_000, marks=pytest.mark.long)], ids=["some", "all"]
)


@pytest.fixture(scope="module")
def hsm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hsm]:
    with plugged(tmp_path_factory.mktemp("hsm")) as token:
        yield token


@pytest.fixture(scope="module")
def kills(hsm: Hsm) -> Iterator[Killing]:
    """Run what dies, where it finds the token."""
    with killing() as process:
        yield process


def spread(count: int, most: int) -> list[int]:
    """Return so many steps from the first to the last."""
    return sorted({1 + (count - 1) * n // (most - 1) for n in range(most)})


def in_files(directory: Path, needles: set[bytes], name: str) -> list[bytes]:
    content = b"".join(path.read_bytes() for path in directory.glob(f"{name}*"))
    return [needle for needle in needles if needle in content]


def wrapped(database: Database, *tables: str) -> set[bytes]:
    """Return what stands wrapped in tables of the keystore."""
    found: set[bytes] = set()
    with database.read() as tx:
        for table in tables:
            rows = tx.exec_driver_sql(f"SELECT wrapped FROM {table} WHERE wrapped NOT NULL")
            found.update(bytes(row[0]) for row in rows)
    return found - {b""}


def keys_of(world: World, id_: str) -> tuple[bytes, bytes]:
    """Return the wrapped DEK of an order of the first selling partner, and the wrapped key that locks it."""
    with world.database.read() as tx:
        ref = world.vault._ref(SellerId(1), "order", id_)
        row = store.by_subject(tx, SellerId(1), [ref])[ref]
    with world.keys.read() as tx:
        query = f"SELECT wrapped FROM period_key WHERE id = {row.period}"
        lock = tx.exec_driver_sql(query).scalar_one()
    assert row.wrapped is not None
    return row.wrapped, bytes(lock)


def filled(make_world: Callable[[str], World]) -> tuple[World, dict[str, str]]:
    """Make a home with an order that is due at DUE, one that is due later, one nobody ships, and another partner's."""
    world = make_world("home")
    world.grant(days=90)
    world.grant(CONSOLE, action=Action.ERASE, days=90)
    shipped = {"status": Progress.SHIPPED, "purchased": NOW}
    later = NOW + timedelta(days=5)
    orders = {
        "due": order(ORDER, {NAME: "due"}, **shipped),
        "late": order("902-2", {NAME: "late"}, status=Progress.SHIPPED, purchased=later),
        "open": order("902-3", {NAME: "open"}, purchased=later),
    }
    tokens = dict(zip(orders, world.put(*orders.values(), now=later), strict=True))
    (tokens["other"],) = world.put(order("902-4", {NAME: "other"}, **shipped), seller=2, now=later)
    return world, tokens


def read(world: World, tokens: dict[str, str], now: datetime) -> dict[str, object]:
    """Return what is readable, by the names of `filled`."""
    found: dict[str, object] = {}
    for name, token in tokens.items():
        try:
            found[name] = world.read(token, now=now)
        except Gone:
            continue
    return found


GONE = {
    "sweep": {"due", "other"},
    "erase": {"due"},
    "erase-final": {"due"},
    "erase-seller": {"due", "late", "open"},
    "rewrap": set(),
    "master": set(),
}


@SOME_AND_ALL
@pytest.mark.parametrize("what", list(VAULT))
def test_what_is_killed_at_a_step_ends_as_if_it_had_not_been(
    make_world: Callable[[str], World], kills: Killing, tmp_path: Path, what: str, most: int
) -> None:
    world, tokens = filled(make_world)
    now = DUE if what == "sweep" else NOW + timedelta(days=6)
    before = wrapped(world.keys, "period_key", "master_key", "service_key")
    periods = wrapped(world.keys, "period_key")
    dek, lock = keys_of(world, ORDER)
    world.close()
    counted = tmp_path / "counted"
    shutil.copytree(world.directory, counted)
    count = kills.steps(what, counted, now)
    assert count > FEW
    stays = {name: name for name in tokens.keys() - GONE[what]}

    for last in spread(count, most):
        directory = tmp_path / f"killed-{last}"
        shutil.copytree(world.directory, directory)
        kills.kill(last, what, directory, now)

        again = opened(directory, boots=2)
        try:
            # Whatever was killed: what has to stay does at once, and what is past its date is not read.
            assert stays.items() <= read(again, tokens, now).items()
            if what == "sweep":
                assert read(again, tokens, now) == stays
            VAULT[what](again, now)
            again.vault.sweep(now + HOUR)
            assert read(again, tokens, now + HOUR) == stays
            left = in_files(directory, before, "keys.db")
            if what not in ("erase", "master"):
                assert lock not in left
            if what == "rewrap":
                assert periods.isdisjoint(left)
            if what == "master":
                assert left == []
            if what == "sweep":
                # Two partners' day, and the window that the open order has left.
                assert len(before) - len(left) == 3
            if GONE[what] and what != "sweep":
                assert in_files(directory, {dek}, "vault.db") == []
            assert again.audit.verify().ok
        finally:
            again.close()
        shutil.rmtree(directory)


@SOME_AND_ALL
@pytest.mark.parametrize("to", [None, "file:other.key", "token"])
def test_a_root_whose_change_is_killed_is_one_of_the_two_and_then_the_new_one(
    tmp_path: Path, kills: Killing, hsm: Hsm, to: str | None, most: int
) -> None:
    shop = Shop(tmp_path)
    shop.make()
    with shop.open(OPENED) as system:
        tokens = shop.put(system, OPENED, 1, 3)
    old = (shop.home / "root.key").read_bytes()
    home = tmp_path / "killed"

    def address(number: int) -> str | None:
        return hsm.address(f"root-{most}-{number}") if to == "token" else to

    def copied() -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(shop.home, home)

    copied()
    count = kills.steps("root", home, OPENED, address(0))
    for last in spread(count, most):
        copied()
        kills.kill(last, "root", home, OPENED, address(last))
        finish(home, address(last))
        environ = {} if to is None else {"STRONGROOM_KEYSTORE__ROOT": address(last) or ""}
        system = open_system(home, starts_at=OPENED, passphrase=PASSPHRASE, environ=environ)
        try:
            assert readable(system, tokens, OPENED) == tokens
            assert len(system.keystore.inventory().roots) == 1
            assert system.audit.verify().faults == []
            refuses(home, old, system.settings.home_id)
        finally:
            system.close()


def finish(home: Path, to: str | None) -> None:
    """Do after a kill what docs/keys.md says: the same command again, where the old root still opens the home."""
    try:
        system = open_system(home, starts_at=OPENED, passphrase=PASSPHRASE, environ={})
    except Misconfigured:
        assert to is not None  # the new root has taken over already
        return
    passphrase = PASSPHRASE if to is None or to.startswith("file:") else None
    try:
        arguments = {"to": to, "passphrase": passphrase}
        run(system, Request("keys.rotate_root", arguments, None, None), "ada")
    finally:
        system.close()


def refuses(home: Path, old: bytes, home_id: str) -> None:
    """Hold the old root's file, kept aside, against the keystore of now."""
    aside = home.with_name("old.key")
    aside.touch(mode=0o600)
    aside.write_bytes(old)
    root = root_for(f"file:{aside}", Environment.TEST, passphrase=PASSPHRASE)
    database = Database(f"sqlite:///{home / 'keys.db'}")
    try:
        with pytest.raises(Misconfigured, match="does not open this keystore"):
            Keystore(database, root, Environment.TEST, home_id).open()
    finally:
        database.close()
