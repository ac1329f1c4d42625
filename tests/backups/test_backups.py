"""Backups are taken, sent, checked and removed; whom they are sealed to takes two people [2.1, 2.4]."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from tests.support.restored import ADA, NOW, Shop

from strongroom.audit import EventType
from strongroom.backups import PlaceKind
from strongroom.backups.places import Places
from strongroom.crypto.age import Identities, new_identity
from strongroom.errors import Conflict, Denied, Malformed, NotFound, Tampered, Unavailable
from strongroom.policy.backups import Kept, drill_is_late, is_due, is_late, surplus
from strongroom.restoring import drill
from strongroom.terms import AuthMethod, Caller, PrincipalId, PrincipalKind

pytestmark = pytest.mark.clause("2.1")

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
BOB = Caller(PrincipalId(2), PrincipalKind.PERSON, "bob", AuthMethod.CONSOLE)
APP = Caller(PrincipalId(3), PrincipalKind.APP, "erp", AuthMethod.CREDENTIAL)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    made = Shop(tmp_path)
    made.make()
    return made


def quiet(_done: int, _total: int | None) -> None:
    pass


def test_a_backup_lies_in_the_home_and_apart_and_is_in_the_log(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 20)
        taken = shop.backup(system, NOW)
        (standing,) = system.backups.listed()
        assert standing.local
        assert not standing.missing
        assert (shop.apart / taken.name).read_bytes() == (
            shop.home / "backups" / taken.name
        ).read_bytes()
        (entry,) = system.audit.of_types([EventType.BACKUP_TAKEN])
        assert entry.body["chg"][0]["after"] == taken.sha256
        assert entry.body["chg"][1]["after"] == taken.manifest
        assert entry.body["n"] == taken.rows
        checked = system.backups.verify(ADA, NOW, quiet)
        assert [(one.place is None, one.fault) for one in checked] == [(True, None), (False, None)]


def test_nothing_is_taken_while_nobody_could_open_it(tmp_path: Path) -> None:
    shop = Shop(tmp_path)
    shop.make()
    with shop.open(NOW) as system:
        places = system.backups.places
        (recipient,) = places.of(PlaceKind.RECIPIENT)
        places.request_removal(recipient.id, ADA, NOW)
        with pytest.raises(Conflict, match="no recipient"):
            shop.backup(system, NOW)
        system.backups.follow(NOW + 30 * DAY)
        assert system.backups.listed() == []


def test_a_target_that_is_away_is_told_and_gets_it_later(shop: Shop) -> None:
    with shop.open(NOW) as system:
        away = shop.apart.with_name("away")
        shop.apart.rename(away)
        shop.backup(system, NOW)
        (standing,) = system.backups.listed()
        assert standing.missing
        failed = list(system.audit.of_types([EventType.BACKUP_STORED]))
        assert [entry.outcome for entry in failed] == ["failure"]
        away.rename(shop.apart)
        assert system.backups.send(NOW + HOUR) == []
        (standing,) = system.backups.listed()
        assert not standing.missing


def test_serve_takes_one_a_day_and_keeps_what_the_settings_say(shop: Shop) -> None:
    toml = shop.home / "strongroom.toml"
    toml.write_text(toml.read_text() + "\n[backup]\nkeep = 3\n")
    for hours in range(0, 7 * 24, 12):
        now = NOW + hours * HOUR
        with shop.open(now) as system:
            system.backups.follow(now)
            found = system.backups.listed()
    assert len(found) == 3
    assert len(list(shop.apart.glob("*.age"))) == 3
    assert len(list((shop.home / "backups").glob("*.age"))) == 3


def test_what_is_late_is_told_once_a_day(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.backup(system, NOW)
    now = NOW + 100 * DAY
    with shop.open(now) as system:
        assert system.backups.late(now) == ["backup", "drill"]
        system.backups.tell_late(now)
        system.backups.tell_late(now + HOUR)
        told = [e.body["op"] for e in system.audit.of_types([EventType.BACKUP_OVERDUE])]
        assert told == ["backup", "drill"]
        system.backups.tell_late(now + DAY + HOUR)
        assert len(list(system.audit.of_types([EventType.BACKUP_OVERDUE]))) == 4


def test_a_drill_measures_and_is_recorded(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 30)
        taken = shop.backup(system, NOW)
        now = NOW + 3 * HOUR
        done = drill(system, Identities([shop.identity]), ADA, now, quiet)
        assert done.rows == taken.rows
        assert done.opened == 20
        assert done.lost_ms == 3 * 3600 * 1000
        assert done.recovery_ms > 0
        (kept,) = system.backups.drills()
        assert kept.sound
        assert "drill" not in system.backups.late(now + 80 * DAY)
        assert not (shop.home / "backups" / ".drill").exists()


def test_a_drill_that_fails_is_recorded_as_one(shop: Shop) -> None:
    stranger, _ = new_identity()
    with shop.open(NOW) as system:
        shop.backup(system, NOW)
        with pytest.raises(Tampered):
            drill(system, Identities([stranger]), ADA, NOW, quiet)
        (kept,) = system.backups.drills()
        assert not kept.sound
        assert not (shop.home / "backups" / ".drill").exists()


@pytest.mark.clause("2.4")
def test_a_copy_of_the_keystore_is_listed_and_gone_within_its_lifetime(shop: Shop) -> None:
    with shop.open(NOW) as system:
        copy = shop.copy_keys(system, NOW)
        assert Path(copy.path).parent == shop.keys
        assert copy.expires_at - NOW == 24 * HOUR
        system.copies.expire(NOW + 23 * HOUR)
        assert Path(copy.path).exists()
        assert system.copies.faults(NOW + 23 * HOUR) == []
        system.copies.expire(NOW + 24 * HOUR)
        assert not Path(copy.path).exists()
        assert system.copies.listed() == []
        (entry,) = system.audit.of_types([EventType.KEYSTORE_COPY_DESTROYED])
        assert entry.outcome == "success"


@pytest.mark.clause("2.4")
def test_a_copy_that_cannot_be_reached_is_told_once_a_day_and_fails_the_doctor(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.copy_keys(system, NOW)
        shop.keys.rename(shop.keys.with_name("unmounted"))
        for hours in (24, 25, 26, 49):
            with pytest.raises(Unavailable, match="outlives"):
                system.copies.expire(NOW + hours * HOUR)
        told = list(system.audit.of_types([EventType.KEYSTORE_COPY_DESTROYED]))
        assert [entry.body["reason"] for entry in told] == ["overdue", "overdue"]
        assert system.copies.faults(NOW + 49 * HOUR) == ["copy 1 outlives its time"]
        shop.keys.with_name("unmounted").rename(shop.keys)
        system.copies.expire(NOW + 50 * HOUR)
    assert list(shop.keys.iterdir()) == []


@pytest.mark.clause("2.4")
def test_two_people_decide_where_backups_go(shop: Shop) -> None:
    """Who asked does not approve; neither does a program; and what is approved are the terms that were shown."""
    _, recipient = new_identity()
    with shop.open(NOW) as system:
        places = Places(
            system.database, system.audit, bytes(32), shop.environment, shop.home, one_person=False
        )
        with pytest.raises(Denied):
            places.request_add(PlaceKind.RECIPIENT, recipient, APP, NOW)
        asked = places.request_add(PlaceKind.RECIPIENT, recipient, ADA, NOW)
        assert asked.state == "pending"
        assert recipient not in places.recipients(PlaceKind.RECIPIENT).names
        with pytest.raises(Denied):
            places.approve(asked.id, places.terms(asked), ADA, NOW)
        with pytest.raises(Denied):
            places.approve(asked.id, places.terms(asked), APP, NOW)
        with pytest.raises(Conflict, match="terms"):
            places.approve(asked.id, "0" * 16, BOB, NOW)
        places.approve(asked.id, places.terms(asked), BOB, NOW)
        assert recipient in places.recipients(PlaceKind.RECIPIENT).names
        places.request_removal(asked.id, BOB, NOW)
        assert recipient in places.recipients(PlaceKind.RECIPIENT).names
        places.reject(asked.id, ADA, NOW)
        places.request_removal(asked.id, BOB, NOW)
        places.approve(asked.id, places.terms(asked), ADA, NOW)
        assert recipient not in places.recipients(PlaceKind.RECIPIENT).names


@pytest.mark.parametrize("value", ["relative", "/not/there", "s3://bucket", "https://x.example"])
def test_a_place_is_a_directory_that_is_there_or_a_bucket(shop: Shop, value: str) -> None:
    with shop.open(NOW) as system, pytest.raises(Malformed):
        system.backups.places.request_add(PlaceKind.TARGET, value, ADA, NOW)


def test_an_unknown_backup_is_not_found(shop: Shop) -> None:
    with shop.open(NOW) as system:
        with pytest.raises(NotFound):
            system.backups.one(None)
        with pytest.raises(NotFound):
            system.backups.verify(ADA, NOW, quiet, 7)


def test_a_full_disk_leaves_no_backup_and_says_so(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shutil.rmtree(shop.home / "backups")
        with pytest.raises(Unavailable):
            shop.backup(system, NOW)
        (entry,) = system.audit.of_types([EventType.BACKUP_TAKEN])
        assert entry.outcome == "failure"
        (shop.home / "backups").mkdir(mode=0o700)
        shop.backup(system, NOW)
        assert len(system.backups.listed()) == 1


def test_what_is_kept_and_what_is_late_follow_from_instants_alone() -> None:
    kept = [Kept(n, NOW - n * DAY) for n in range(1, 11)]
    assert surplus(kept, 4, 100 * DAY, NOW) == [5, 6, 7, 8, 9, 10]
    assert surplus(kept, 100, 3 * DAY, NOW) == [4, 5, 6, 7, 8, 9, 10]
    assert surplus(kept[9:], 1, DAY, NOW) == []
    assert is_due(None, DAY, NOW)
    assert is_due(NOW + DAY, DAY, NOW)
    assert not is_due(NOW - 23 * HOUR, DAY, NOW)
    assert not is_due(None, None, NOW)
    assert not is_late(NOW - 2 * DAY, DAY, NOW - 9 * DAY, NOW)
    assert is_late(None, DAY, NOW - 3 * DAY, NOW)
    assert not drill_is_late(None, None, NOW - 999 * DAY, NOW)
