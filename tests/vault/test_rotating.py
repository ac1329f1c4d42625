"""New roots, masters and period keys while the home is used: all stays readable, nothing of the old keys is left."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from strongroom.crypto.root import (
    Cost,
    FileRoot,
    create_file_root,
    open_file_root,
    succeed_file_root,
)
from strongroom.db.engine import Database
from strongroom.errors import Conflict, Misconfigured, NotFound
from strongroom.policy.retention import Progress
from strongroom.terms import Environment, SellerId
from strongroom.vault import Keystore, PeriodKind
from tests.vault.conftest import CONSOLE, NAME, NOW, ROOT_KEY, World, order
from tests.vault.test_erasing import Killed, killed_at

pytestmark = pytest.mark.clause("2.4")

CHEAP = Cost(memory_kib=32, passes=1, lanes=1)
TEST = Environment.TEST
OTHER = FileRoot("file:other.key", bytes(range(1, 33)), TEST)


def old_root() -> FileRoot:
    return FileRoot("file:root.key", ROOT_KEY, TEST)


def opened_by(world: World, root: FileRoot) -> Keystore:
    """Open the keystore as another process does: a node, or the next start."""
    keystore = Keystore(Database(world.keystore_url), root, TEST, "home-1")
    try:
        keystore.open()
    except BaseException:
        keystore._database.close()
        raise
    return keystore


def refuses(world: World, root: FileRoot) -> bool:
    try:
        opened_by(world, root)._database.close()
    except Misconfigured:
        return True
    return False


def wrapped(world: World) -> set[bytes]:
    found = set()
    with world.keys.read() as tx:
        for table in ("master_key", "service_key", "period_key"):
            rows = tx.exec_driver_sql(f"SELECT wrapped FROM {table} WHERE wrapped IS NOT NULL")
            found.update(bytes(row[0]) for row in rows)
    return found - {b""}


def in_files(world: World, needles: set[bytes]) -> list[bytes]:
    content = b"".join(path.read_bytes() for path in world.directory.glob("keys.db*"))
    return [needle for needle in needles if needle in content]


@pytest.fixture
def used(world: World) -> tuple[World, list[str]]:
    world.grant(days=90)
    tokens = world.put(*(order(f"902-{n}", {NAME: f"N {n}"}) for n in range(3)))
    tokens += world.put(order("902-s", {NAME: "N 3"}, status=Progress.SHIPPED, purchased=NOW))
    return world, tokens


def values(world: World, tokens: list[str]) -> list[object]:
    return [world.read(token) for token in tokens]


NAMES = ["N 0", "N 1", "N 2", "N 3"]


# -- root ----------------------------------------------------------------------------------------------------------


def test_a_home_moves_to_another_root_and_the_old_one_opens_nothing(
    used: tuple[World, list[str]],
) -> None:
    """The old root opens it until the new one has; then nothing that the old one wrapped is left."""
    world, tokens = used
    before = wrapped(world)

    world.keystore.admit_root(OTHER, NOW)
    assert world.keystore.inventory().roots == ("file:root.key", "file:other.key")
    assert world.keystore.retire_roots() == 0
    assert not refuses(world, old_root())
    with pytest.raises(Conflict):
        world.keystore.rotate_master(NOW)

    keystore = opened_by(world, OTHER)
    assert keystore.retire_roots() == 1
    assert keystore.secret("token", NOW) == world.keystore.secret("token", NOW)
    keystore._database.close()
    assert refuses(world, old_root())
    assert values(world, tokens) == NAMES
    if world.keys.is_sqlite:
        assert len(in_files(world, before)) == len(before) - 1


def test_a_new_root_takes_the_place_of_the_one_in_its_file(
    sqlite_world: World, tmp_path: Path
) -> None:
    world, path = sqlite_world, tmp_path / "root.key"
    create_file_root(path, "the first one", TEST, cost=CHEAP, uri="file:root.key")
    world.keystore.admit_root(open_file_root(path, "the first one", TEST), NOW)
    old = path.read_bytes()

    made = succeed_file_root(
        path, "another", TEST, admit=lambda r: world.keystore.admit_root(r, NOW), cost=CHEAP
    )
    world.keystore.use_root(made)

    assert world.keystore.retire_roots() == 2
    assert refuses(world, old_root())
    with pytest.raises(Misconfigured):
        open_file_root(path, "the first one", TEST)
    assert not refuses(world, open_file_root(path, "another", TEST))
    path.write_bytes(old)
    assert refuses(world, open_file_root(path, "the first one", TEST))
    assert [p.name for p in tmp_path.glob(".root*")] == []


@pytest.mark.parametrize("step", ["drafted", "admitted", "replaced", "used"])
def test_a_kill_while_the_root_changes_leaves_a_home_that_its_file_opens(
    sqlite_world: World, tmp_path: Path, step: str
) -> None:
    world, path = sqlite_world, tmp_path / "root.key"
    create_file_root(path, "one", TEST, cost=CHEAP)
    first = open_file_root(path, "one", TEST)
    world.keystore.admit_root(first, NOW)
    world.keystore.use_root(first)
    world.keystore.retire_roots()

    def change() -> None:
        def admit(root: FileRoot) -> None:
            if step == "drafted":
                raise Killed
            world.keystore.admit_root(root, NOW)
            if step == "admitted":
                raise Killed

        made = succeed_file_root(path, "two", TEST, admit=admit, cost=CHEAP)
        if step == "replaced":
            raise Killed
        world.keystore.use_root(made)
        raise Killed

    with pytest.raises(Killed):
        change()

    phrase = "one" if step in ("drafted", "admitted") else "two"
    keystore = opened_by(world, open_file_root(path, phrase, TEST))
    keystore.retire_roots()
    made = succeed_file_root(
        path, "two", TEST, admit=lambda r: keystore.admit_root(r, NOW), cost=CHEAP
    )
    keystore.use_root(made)
    keystore.retire_roots()
    assert keystore.inventory().roots == (f"file:{path}",)
    keystore._database.close()
    assert not refuses(world, open_file_root(path, "two", TEST))


# -- master --------------------------------------------------------------------------------------------------------


def test_a_new_master_wraps_every_key_anew_and_no_old_wrap_is_left(
    used: tuple[World, list[str]],
) -> None:
    world, tokens = used
    before, service = wrapped(world), world.keystore.secret("token", NOW)
    told: list[tuple[int, int]] = []

    count = world.keystore.rotate_master(NOW, lambda *one: told.append(one))

    assert told[-1] == (count, count)
    assert count == len(before) - 1 == len(wrapped(world)) - 1
    assert not before & wrapped(world)
    if world.keys.is_sqlite:
        assert in_files(world, before) == []
    assert values(world, tokens) == NAMES
    world.put(order("902-new"), seller=2)
    world.reopen()
    assert world.keystore.secret("token", NOW) == service
    assert values(world, tokens) == NAMES
    assert world.keystore.made_at() == NOW


def test_another_node_follows_a_new_master(used: tuple[World, list[str]]) -> None:
    """It opens what is wrapped under the new one, and wraps under it what it makes."""
    world, _ = used
    node = opened_by(world, old_root())
    world.keystore.rotate_master(NOW)

    assert node.secret("token", NOW) == world.keystore.secret("token", NOW)
    node2 = opened_by(world, old_root())
    world.keystore.rotate_master(NOW)
    made, fresh = node2.period(SellerId(2), PeriodKind.DAY, 30_000, NOW)
    assert fresh
    node._database.close()
    node2._database.close()
    world.reopen()
    assert world.keystore.find_period(made.id) is not None


@pytest.mark.parametrize("step", ["put", "take", "prove"])
def test_a_kill_while_the_master_changes_leaves_one_master_and_all_under_it(
    sqlite_world: World, step: str
) -> None:
    world = sqlite_world
    world.grant(days=90)
    (token,) = world.put(order())
    before = wrapped(world)
    where = {
        "put": (world.keystore._master, "put"),
        "take": (world.keystore._master, "take"),
        "prove": (world.keystore, "prove_clean"),
    }[step]
    with killed_at(*where, after=step == "put"):
        world.keystore.rotate_master(NOW)
    world.reopen()

    assert world.read(token) == "Jürgen Groß"
    assert (wrapped(world) == before) is (step == "put")
    world.keystore.rotate_master(NOW)
    assert in_files(world, before) == []
    assert world.read(token) == "Jürgen Groß"


def test_a_service_key_that_nothing_depends_on_is_renewed(world: World) -> None:
    before = world.keystore.secret("desk-forms", NOW)
    world.keystore.renew_secret("desk-forms", NOW)
    world.reopen()
    assert world.keystore.secret("desk-forms", NOW) != before
    with pytest.raises(NotFound):
        world.keystore.renew_secret("none", NOW)


# -- period keys ---------------------------------------------------------------------------------------------------


def test_rewrapping_replaces_every_live_period_key_of_whom_it_is_asked(
    used: tuple[World, list[str]],
) -> None:
    world, tokens = used
    world.put(order(), seller=2)
    theirs = {p.id for p in world.keystore.periods(seller=SellerId(2), live=True)}
    mine = {p.id for p in world.keystore.periods(seller=SellerId(1), live=True)}
    told: list[tuple[int, int | None]] = []

    report = world.vault.rewrapping.run(CONSOLE, NOW, SellerId(1), lambda *one: told.append(one))

    assert (report.replaced_periods, report.moved) == (2, 4)
    assert told[-1] == (4, 4)
    live = {p.id for p in world.keystore.periods(live=True)}
    assert mine.isdisjoint(live)
    assert theirs <= live
    assert values(world, tokens) == NAMES


@pytest.mark.parametrize("nth", [1, 2])
@pytest.mark.parametrize(
    ("place", "step", "after"),
    [
        ("database", "truncate_wal", False),
        ("keystore", "replace", True),
        ("audit", "append", True),
        ("keystore", "destroy", False),
        ("keystore", "destroy", True),
    ],
)
def test_the_next_sweep_finishes_a_rewrap_that_was_killed(
    make_world: Callable[[str], World], place: str, step: str, after: bool, nth: int
) -> None:
    world = make_world("killed")
    world.grant(days=90)
    tokens = world.put(*(order(f"902-{n}", {NAME: f"N {n}"}) for n in range(3)))
    tokens += world.put(order("902-s", {NAME: "N 3"}, status=Progress.SHIPPED, purchased=NOW))
    old = {p.id for p in world.keystore.periods(live=True)}
    if (step, nth) == ("truncate_wal", 2):
        return  # it is cut once
    with killed_at(getattr(world, place), step, after=after, nth=nth):
        world.vault.rewrapping.run(CONSOLE, NOW)
    world.reopen()

    world.vault.sweep(NOW + timedelta(minutes=1))

    finished = (step, nth) != (
        "append",
        1,
    )  # the first is the wish itself: undone with its transaction
    assert old.isdisjoint(p.id for p in world.keystore.periods(live=True)) is finished
    assert values(world, tokens) == NAMES


def test_records_are_written_and_read_while_keys_change(world: World) -> None:
    world.grant(days=90)
    failed: list[BaseException] = []
    stop = threading.Event()
    seen: dict[str, str] = {}

    def use() -> None:
        n = 0
        try:
            while not stop.is_set():
                id_ = f"902-{n % 7}"
                (seen[id_],) = world.put(order(id_, {NAME: f"Buyer {n}"}))
                assert world.read(seen[id_]) == f"Buyer {n}"
                n += 1
        except BaseException as exc:  # noqa: BLE001 - told to the test
            failed.append(exc)

    thread = threading.Thread(target=use)
    thread.start()
    try:
        for _ in range(3):
            world.keystore.rotate_master(NOW)
            world.vault.rewrapping.run(CONSOLE, NOW)
    finally:
        stop.set()
        thread.join()
    assert failed == []
    world.reopen()
    assert all(str(world.read(token)).startswith("Buyer") for token in seen.values())
    assert world.audit.verify().ok
