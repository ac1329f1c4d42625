"""The calendar: everything is gone on its day, from every copy, and nothing goes before."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from strongroom.crypto.root import FileRoot
from strongroom.db.engine import Database
from strongroom.errors import Gone, Unavailable
from strongroom.policy.retention import DAY, Progress
from strongroom.terms import Action, Environment, Purpose, SellerId
from strongroom.vault import Keystore, PeriodKind, Vault, store
from strongroom.vault.archive import ArchivePlace
from tests.vault.conftest import (
    APP,
    COPY_LIFETIME,
    EMAIL,
    NAME,
    NOW,
    ROOT_KEY,
    World,
    order,
)

SHIPPED = Progress.SHIPPED


def _day(now: datetime, days: float) -> datetime:
    return now + timedelta(days=days)


@pytest.mark.clause("2.1")
def test_a_shipped_order_is_destroyed_on_its_day_and_not_before(world: World) -> None:
    world.grant(days=90)
    (token,) = world.put(order(status=SHIPPED, purchased=NOW))
    due = NOW.replace(hour=0) + timedelta(days=29)

    assert world.vault.sweep(due - timedelta(seconds=1)).destroyed_periods == 0
    assert world.read(token, now=due - timedelta(seconds=1)) == "Jürgen Groß"
    report = world.vault.sweep(due)

    assert (report.destroyed_periods, report.purged) == (1, 1)
    with pytest.raises(Gone):
        world.read(token, now=due)
    types = [type_ for type_, _, _ in world.events()]
    assert "key.period.destroyed" in types
    assert "vault.record.disposed" in types
    assert world.audit.verify().ok


@pytest.mark.clause("2.1")
def test_a_destroyed_order_fetched_again_is_not_stored_again(world: World) -> None:
    seen = order(status=SHIPPED, purchased=NOW)
    (token,) = world.put(seen)
    later = _day(NOW, 40)
    world.vault.sweep(later)
    keys = len(world.keystore.periods())

    assert world.put(seen, now=later) == [token]
    assert len(world.keystore.periods()) == keys


def test_a_second_sweep_finds_nothing_to_do(world: World) -> None:
    world.put(order(status=SHIPPED, purchased=NOW))
    world.vault.sweep(_day(NOW, 40))

    report = world.vault.sweep(_day(NOW, 40))

    assert (report.destroyed_periods, report.purged, report.moved) == (0, 0, 0)


@pytest.mark.clause("2.1")
def test_an_undelivered_order_stays_readable_while_it_is_seen_undelivered(world: World) -> None:
    world.grant(days=90)
    (token,) = world.put(order())
    for days in range(1, 60):
        world.put(order(), now=_day(NOW, days))
        world.vault.sweep(_day(NOW, days))

    assert world.read(token, now=_day(NOW, 59)) == "Jürgen Groß"


@pytest.mark.clause("2.1")
def test_an_order_nobody_looks_at_any_more_is_gone_thirty_days_after_it_was_seen_open(
    world: World,
) -> None:
    world.grant(days=90)
    (token,) = world.put(order())
    for days in range(1, 29):
        world.vault.sweep(_day(NOW, days))
    assert world.read(token, now=_day(NOW, 28)) == "Jürgen Groß"

    world.vault.sweep(_day(NOW, 30))

    with pytest.raises(Gone):
        world.read(token, now=_day(NOW, 30))


@pytest.mark.clause("2.1")
@pytest.mark.parametrize("age_days", [5, 6, 7])
def test_a_copy_of_an_undelivered_order_dies_within_seven_days(
    sqlite_world: World, age_days: int
) -> None:
    """The copy meets the keystore as it is a week on; a keystore copy lives a day, so six suffice."""
    world = sqlite_world
    world.put(order())
    copy = _copy(world)
    world.put(order(), now=_day(NOW, 4))
    for days in range(1, age_days + 1):
        world.put(order(), now=_day(NOW, days))
        world.vault.sweep(_day(NOW, days))

    with _over_copy(world, copy) as read, pytest.raises(Gone):
        read()
    world.grant(days=90)
    assert _readable(world, _day(NOW, age_days))


@pytest.mark.clause("2.1")
def test_after_its_day_an_order_is_unreadable_from_every_copy(sqlite_world: World) -> None:
    """It moves through its pending periods into its day; every day a copy is taken."""
    world = sqlite_world
    copies = []
    for days in range(12):
        world.put(order(), now=_day(NOW, days))
        world.vault.sweep(_day(NOW, days))
        copies.append(_copy(world, f"pending{days}"))
    for days in range(12, 42):
        world.put(order(status=SHIPPED), now=_day(NOW, days))
        world.vault.sweep(_day(NOW, days))
        copies.append(_copy(world, f"day{days}"))

    for copy in copies:
        with _over_copy(world, copy) as read, pytest.raises(Gone):
            read()


@pytest.mark.clause("2.1")
def test_a_date_that_moves_earlier_replaces_the_key_of_the_later_day(sqlite_world: World) -> None:
    """A copy made while the record lay under the later day must die on the earlier one."""
    world = sqlite_world
    world.grant(days=90)
    in_transit = order(status=Progress.DELIVERED, shipped=NOW, purchased=_day(NOW, -9))
    neighbour = order("902-neighbour", {NAME: "Neighbour"}, status=SHIPPED, purchased=NOW)
    world.put(in_transit, now=NOW)
    (other,) = world.put(neighbour)
    copy = _copy(world)
    world.put(order(status=Progress.CANCELLED), now=_day(NOW, 1))

    report = world.vault.sweep(_day(NOW, 1))

    assert report.replaced_periods == 1
    with _over_copy(world, copy) as read, pytest.raises(Gone):
        read()
    assert world.read(other, now=_day(NOW, 1)) == "Neighbour"


@pytest.mark.clause("2.1")
def test_a_cancelled_order_leaves_no_readable_copy_of_its_pending_time(sqlite_world: World) -> None:
    world = sqlite_world
    world.grant(days=90)
    world.put(order())
    (other,) = world.put(order("902-other", {NAME: "Other"}))
    copy = _copy(world)
    world.put(order(status=Progress.CANCELLED))

    world.vault.sweep(_day(NOW, 0.1))

    with _over_copy(world, copy) as read, pytest.raises(Gone):
        read()
    assert world.read(other, now=_day(NOW, 0.2)) == "Other"


def test_a_moved_record_is_still_found(world: World) -> None:
    world.grant(action=Action.SEARCH, days=90)
    world.put(order(slots={EMAIL: "a@example.com"}))
    world.vault.sweep(_day(NOW, 6))

    found = world.vault.find(
        APP,
        purpose=Purpose.FULFILMENT,
        now=_day(NOW, 6),
        sellers=[SellerId(1)],
        email="a@example.com",
    )

    assert [record.order for record in found] == ["902-1000001-0000001"]


@pytest.mark.clause("2.1")
def test_a_destroyed_key_and_its_tags_are_in_no_file(sqlite_world: World) -> None:
    world = sqlite_world
    world.put(order(slots={EMAIL: "a@example.com"}, status=SHIPPED, purchased=NOW))
    with world.keys.read() as tx:
        wrapped = [
            bytes(row.wrapped) for row in tx.exec_driver_sql("SELECT wrapped FROM period_key")
        ]
    with world.database.read() as tx:
        deks = [bytes(r[0]) for r in tx.exec_driver_sql("SELECT wrapped_dek FROM record_key")]
        tags = [r[0] for r in tx.exec_driver_sql("SELECT tag FROM search_tag")]
    everything = wrapped + deks + [tag.to_bytes(8, "big", signed=True) for tag in tags]
    assert all(needle in _files(world.directory) for needle in everything)

    world.vault.sweep(_day(NOW, 40))

    assert not [needle for needle in everything if needle in _files(world.directory)]


@pytest.mark.clause("2.1")
def test_a_reader_that_holds_the_keystore_open_stops_the_sweep_loudly(sqlite_world: World) -> None:
    world = sqlite_world
    world.put(order(status=SHIPPED, purchased=NOW))
    with world.keys.read() as tx:
        tx.exec_driver_sql("SELECT * FROM period_key").fetchall()
        with pytest.raises(Unavailable, match="log could not be cut"):
            world.vault.sweep(_day(NOW, 40))

    world.vault.sweep(_day(NOW, 40))
    assert not world.keystore.periods(live=True)


def test_many_records_move_and_go_in_bounded_steps(world: World) -> None:
    world.put(*(order(f"902-{n}") for n in range(1203)))
    steps: list[int] = []

    moved = world.vault.sweep(_day(NOW, 6), progress=steps.append).moved
    purged = world.vault.sweep(_day(NOW, 40)).purged

    # Two or three canaries came along with so many.
    assert 1203 <= moved == purged <= 1206
    assert max(steps) <= 500


def test_pending_windows_never_overlap_a_week(world: World) -> None:
    world.put(order())
    (period,) = [p for p in world.keystore.periods(live=True) if p.kind is PeriodKind.PENDING]

    assert period.day * DAY <= NOW.timestamp() < (period.day + 5) * DAY


def _readable(world: World, now: datetime) -> bool:
    shown = world.vault.reveal_order(
        APP, SellerId(1), "902-1000001-0000001", purpose=Purpose.FULFILMENT, now=now
    )
    return bool(shown)


def _copy(world: World, name: str = "copy") -> Path:
    """Copy the data as a backup would: the vault's files, never the keystore's."""
    target = world.directory / name
    target.mkdir()
    for file in world.directory.glob("vault.db*"):
        shutil.copy(file, target)
    return target


@contextmanager
def _over_copy(world: World, copy: Path) -> Iterator[Callable[[], object]]:
    """Read the copied data with every key that still exists, past every check but the keys themselves."""
    data = Database(f"sqlite:///{copy / 'vault.db'}")
    keys = Database(world.keystore_url)
    keystore = Keystore(
        keys, FileRoot("file:root.key", ROOT_KEY, Environment.TEST), Environment.TEST, "home-1"
    )
    keystore.open()
    vault = Vault(
        data,
        keystore,
        world.audit,
        environment=Environment.TEST,
        token_key=bytes(32),
        subject_key=world.keystore.secret("subject", NOW),
        copy_lifetime=COPY_LIFETIME,
        archive=ArchivePlace(copy, one_person=True),
    )

    def read() -> object:
        with data.read() as tx:
            ref = vault._ref(SellerId(1), "order", "902-1000001-0000001")
            row = store.by_subject(tx, SellerId(1), [ref])[ref]
        box = vault._box(SellerId(1))
        return box.open(row, box.dek(row))

    try:
        yield read
    finally:
        data.close()
        keys.close()


def _files(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in directory.glob("*.db*"))


@pytest.mark.clause("2.1")
def test_a_look_by_a_clock_that_nobody_believes_destroys_nothing(world: World) -> None:
    """Sweeps wait then, and an app that goes on pulling must not do their work; what is cancelled goes all the same."""
    world.grant(days=90)
    shipped = order("902-1000001-0000002", {NAME: "Shipped"}, status=Progress.SHIPPED)
    kept, cancelled = world.put(shipped, order())
    later = NOW + timedelta(days=80)
    world.vault.withheld = lambda: True

    world.put(order("902-1000001-0000002", {NAME: "Shipped"}, status=Progress.SHIPPED), now=later)
    world.put(order(status=Progress.CANCELLED), now=later)

    assert world.read(kept) == "Shipped"
    with pytest.raises(Gone):
        world.read(cancelled)
