"""A restore brings back what may be there, and nothing that was destroyed since [2.1]."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.support.restored import ADA, NOW, Shop, readable

from strongroom.anchors import copies
from strongroom.anchors.places import Directory
from strongroom.app import System
from strongroom.audit import Event, EventType, ObjKind, Outcome
from strongroom.crypto.age import new_identity
from strongroom.db import schema, suspensions
from strongroom.errors import Conflict, Tampered
from strongroom.policy.holds import HoldReason
from strongroom.policy.retention import Progress
from strongroom.restoring import inspect
from strongroom.settings import load
from strongroom.terms import SYSTEM, Action, Category, Environment, PrincipalId, Purpose
from strongroom.vault import By, Wanted, count_openable, replaying
from strongroom.vault.holds import Scope
from strongroom.vault.store import RecordState

pytestmark = pytest.mark.clause("2.1")

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def test_a_restored_home_is_the_one_that_was_backed_up(any_shop: Shop) -> None:
    """Records, accounts and log are there; what was read before is read again, with the same tokens."""
    with any_shop.open(NOW) as system:
        tokens = any_shop.put(system, NOW, 1, 50)
        backup = any_shop.backup(system, NOW)
        copy = any_shop.copy_keys(system, NOW)
        path = system.backups.path_of(backup)

    done = any_shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(any_shop.lost,))
    assert done.buried == done.replayed == done.lost == 0
    assert done.epoch == 2
    restored = any_shop.directory / "restored"
    with any_shop.open(NOW + HOUR, restored) as system:
        assert readable(system, tokens, NOW + HOUR) == tokens
        report = system.audit.verify()
        assert report.faults == []
        assert report.gaps


@pytest.mark.parametrize("days", [pytest.param(28, marks=pytest.mark.long), 30])
def test_what_was_disposed_of_in_thirty_days_stays_so(any_shop: Shop, days: int) -> None:
    """A backup of thirty days ago, restored with the keystore of today; what is not due yet is still there."""
    with any_shop.open(NOW) as system:
        shipped = any_shop.put(system, NOW, 1, 20, shipped=NOW - 20 * DAY)
        later = any_shop.put(system, NOW, 101, 20, shipped=NOW)
        unshipped = any_shop.put(system, NOW, 201, 20)
        backup = any_shop.backup(system, NOW)
        path = system.backups.path_of(backup)
    for day in (2, 8, 28):
        now = NOW + day * DAY
        with any_shop.open(now) as system:
            system.vault.sweep(now)
            if day == 2:
                any_shop.put(system, now, 201, 10, status=Progress.CANCELLED)
    now = NOW + days * DAY
    with any_shop.open(now) as system:
        before = readable(system, [*shipped, *later, *unshipped], now)
        copy = any_shop.copy_keys(system, now)
    survivors = set(later) if days < 29 else set()
    assert set(before) >= survivors

    done = any_shop.restore(now, path, keys_copy=Path(copy.path), since=(any_shop.lost,))
    restored = any_shop.directory / "restored"
    with any_shop.open(now, restored) as system:
        after = readable(system, [*shipped, *later, *unshipped], now)
        assert set(after) <= set(before)
        assert set(after) == survivors
        openable = count_openable(system.database, system.keystore, Environment.TEST)
    # Beside these there may be canaries.
    assert openable.sealed == openable.opened >= len(survivors)
    assert done.buried >= len(shipped) + len(unshipped)


def test_the_restored_home_gives_no_number_twice(shop: Shop) -> None:
    """A token that an app got after the backup never comes to name another order."""
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
        lost = shop.put(system, NOW, 50, 2000)
        copy = shop.copy_keys(system, NOW)
    shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(shop.home,))
    restored = shop.directory / "restored"
    with shop.open(NOW + HOUR, restored) as system:
        new = shop.put(system, NOW + HOUR, 9000, 2000)
    assert not set(new) & set(lost)


def test_a_log_that_went_further_than_anything_explains_is_refused(shop: Shop) -> None:
    """The signer's memory in the keystore knows that there was more."""
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
        shop.put(system, NOW, 6, 5)
        system.audit.checkpoint(NOW)
        copy = shop.copy_keys(system, NOW)
    with pytest.raises(Tampered, match="explained up to"):
        shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path))
    restored = shop.directory / "restored"
    assert not (restored / "strongroom.toml").exists()
    done = shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), accept_gap=True)
    assert done.vouched_for > done.explained_to == done.log_size


def test_a_checkpoint_that_a_witness_holds_counts_as_much(shop: Shop) -> None:
    """The keystore's copy may be older than what was seen outside."""
    with shop.open(NOW) as system:
        copy = shop.copy_keys(system, NOW)
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
        shop.put(system, NOW, 6, 5)
        note = shop.directory / "witnessed"
        note.write_text(system.audit.checkpoint(NOW))
    with pytest.raises(Tampered, match="explained up to"):
        shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), checkpoints=(note,))


def test_the_old_homes_keystore_serves_as_well(shop: Shop) -> None:
    with shop.open(NOW) as system:
        tokens = shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
    done = shop.restore(NOW + HOUR, path, keys_home=shop.home, since=(shop.home,))
    assert done.lost == 0
    with shop.open(NOW + HOUR, shop.directory / "restored") as system:
        assert readable(system, tokens, NOW + HOUR) == tokens
        (listed,) = system.copies.listed()
        assert listed.path == str(shop.home / "keys.db")


def erase(system: System, number: int, *, final: bool) -> None:
    """Erase an order as somebody who may."""
    (acme,) = system.sellers.all()
    system.grants.add(
        ADA,
        principal=ADA.principal,
        action=Action.ERASE,
        purpose=Purpose.FULFILMENT,
        categories=frozenset(Category),
        sellers=None,
        lifetime=DAY,
        now=NOW,
    )
    wanted = Wanted(By.ORDER, f"902-{number:07d}-0000001", (acme.id,))
    assert system.vault.eraser.erase(ADA, wanted, final=final, now=NOW).records == 1


@pytest.mark.clause("1.7", "2.1")
@pytest.mark.parametrize("of", ["home", "log"])
@pytest.mark.parametrize("final", [False, True])
def test_what_was_erased_since_is_not_stored_when_it_comes_again(
    shop: Shop, final: bool, of: str
) -> None:
    """Whether the backup knew it or not, and whether the lost home is there or only a copy of its log."""
    log = shop.directory / "log"
    log.mkdir()
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 3)
        path = system.backups.path_of(shop.backup(system, NOW))
        shop.put(system, NOW, 7, 1)
        for number in (1, 7):
            erase(system, number, final=final)
        copy = shop.copy_keys(system, NOW)
        note = system.audit.checkpoint(NOW)
        copies.copy(Directory(log), system.audit.prover, note, int(note.split("\n")[1]))
    since = shop.home if of == "home" else log
    shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(since,))
    with shop.open(NOW + HOUR, shop.directory / "restored") as system:
        again = shop.put(system, NOW + HOUR, 1, 3)
        assert readable(system, again, NOW + HOUR) == again[1:]
        if of == "home":  # a log names numbers, and no order
            assert readable(system, shop.put(system, NOW + HOUR, 7, 1), NOW + HOUR) == []


def test_what_a_law_requires_of_a_day_that_came_meanwhile_is_archived_and_then_gone(
    shop: Shop,
) -> None:
    """The home was away on the day: the restore must not be what loses it."""
    now = NOW + 31 * DAY
    with shop.open(NOW) as system:
        (token,) = shop.put(system, NOW, 1, 1, shipped=NOW)
        archive = system.vault.archive
        archive.set_recipients([new_identity()[1]], ADA, NOW)
        archive.holds.place(
            ADA,
            NOW,
            law="DE-USTG-14B",
            reference="14b.1",
            reason=HoldReason.TAX_RETENTION,
            categories=(Category.NAME,),
            scope=Scope(),
            purchased=(date(2026, 1, 1), date(2026, 12, 31)),
            until=date(2030, 12, 31),
        )
        path = system.backups.path_of(shop.backup(system, NOW))
    shop.restore(now, path, keys_home=shop.home, since=(shop.home,))
    restored = shop.directory / "restored"
    assert len(list((restored / "archive").glob("*.age"))) == 1
    with shop.open(now, restored) as system:
        assert readable(system, [token], now) == []
        openable = count_openable(system.database, system.keystore, Environment.TEST)
        assert openable.opened == openable.sealed
        assert replaying.due(system.keystore, int(now.timestamp())) == []
        assert system.audit.verify().ok


def suspended(system: System, principal: PrincipalId, type_: EventType) -> None:
    """Suspend somebody, or let them back in, as an alarm's person does."""
    with system.database.write() as tx:
        if type_ is EventType.PRINCIPAL_SUSPENDED:
            suspensions.suspend(tx, principal, why="test", frozen=False, now=NOW)
        else:
            suspensions.lift(tx, [principal], ADA.principal, NOW)
        event = Event(
            type_, Outcome.SUCCESS, ADA, obj_kind=ObjKind.PRINCIPAL, obj_ref=str(principal)
        )
        system.audit.append(tx, event, now=NOW)


@pytest.mark.clause("1.2", "1.3")
def test_rights_that_were_taken_away_since_are_taken_away_again(shop: Shop) -> None:
    """Who left, what was revoked or narrowed, and who stood suspended; a grant that was given later is no matter."""

    def give(system: System, to: PrincipalId, days: int = 20) -> int:
        return system.grants.add(
            ADA,
            principal=to,
            action=Action.REVEAL,
            purpose=Purpose.FULFILMENT,
            categories=frozenset({Category.NAME, Category.PHONE}),
            sellers=None,
            lifetime=days * DAY,
            now=NOW,
        ).grant.id

    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 1)
        accounts = system.accounts
        for name in ("eve", "mallory", "ben", "carl"):
            accounts.add_person(name, caller=ADA, now=NOW)
        accounts.add_app("shop", "ben", caller=ADA, now=NOW)
        people = {name: accounts.find(name).id for name in ("eve", "mallory", "ben", "carl")}
        revoked, narrowed, kept = (give(system, people["ben"]) for _ in range(3))
        path = system.backups.path_of(shop.backup(system, NOW))
        accounts.end("eve", caller=ADA, now=NOW)
        for name in ("mallory", "carl"):
            suspended(system, people[name], EventType.PRINCIPAL_SUSPENDED)
        suspended(system, people["carl"], EventType.PRINCIPAL_RESTORED)
        system.grants.revoke(ADA, revoked, NOW)
        with system.database.write() as tx:
            name_only = frozenset({Category.NAME})
            system.grants.narrow_in(tx, ADA, narrowed, NOW, categories=name_only)
        system.grants.revoke(ADA, give(system, people["ben"]), NOW)
        copy = shop.copy_keys(system, NOW)
    done = shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(shop.lost,))
    assert done.taken_again >= 4
    with shop.open(NOW + 2 * HOUR, shop.directory / "restored") as system:
        now = system.clock()
        ends = {name: system.accounts.find(name).ended_at for name in people}
        assert [name for name, at in ends.items() if at and at <= now] == ["eve"]
        states = {row.grant.id: row.state(now) for row in system.grants.all()}
        assert [states[id_] for id_ in (revoked, narrowed, kept)] == [
            "revoked",
            "revoked",
            "active",
        ]
        with system.database.read() as tx:
            assert list(suspensions.suspended(tx, now)) == [people["mallory"]]
        assert system.accounts.holdings("shop").secrets[0].revoked_at is None
        assert system.audit.verify().faults == []


@pytest.mark.clause("2.6")
def test_a_row_of_the_lost_home_alone_bars_nothing_for_ever(shop: Shop) -> None:
    """Whoever could write to it could have every order refused; the log, which is proved, says what was erased."""
    with shop.open(NOW) as system:
        (token,) = shop.put(system, NOW, 1, 1)
        path = system.backups.path_of(shop.backup(system, NOW))
        copy = shop.copy_keys(system, NOW)
        with system.database.write() as tx:
            tx.execute(schema.record.update().values(state=int(RecordState.ERASED), blob=None))
    shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(shop.home,))
    with shop.open(NOW + HOUR, shop.directory / "restored") as system:
        assert readable(system, [token], NOW + HOUR) == []
        assert shop.put(system, NOW + HOUR, 1, 1) == [token]
        assert readable(system, [token], NOW + HOUR) == [token]


def test_a_copy_of_the_log_explains_what_the_lost_home_no_longer_can(shop: Shop) -> None:
    """What it says was destroyed is destroyed in the keystore's copy; one that was changed explains nothing."""
    log = shop.directory / "log"
    log.mkdir()
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        path = system.backups.path_of(shop.backup(system, NOW))
        copy = shop.copy_keys(system, NOW)
        doomed = [period.id for period in system.keystore.periods(live=True)]
        event = Event(
            EventType.PERIOD_KEY_DESTROYED,
            Outcome.SUCCESS,
            SYSTEM,
            obj_kind=ObjKind.PERIOD,
            obj_ref=str(doomed[0]),
        )
        system.audit.record(event, now=NOW)
        note = system.audit.checkpoint(NOW)
        size = int(note.split("\n")[1])
        copies.copy(Directory(log), system.audit.prover, note, size)
    done = shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(log,))
    assert (done.explained_to, done.periods_destroyed) == (size, 1)
    assert done.buried >= 5
    (last,) = [one for one in (log / "tile" / "entries").rglob("*") if one.is_file()][-1:]
    last.write_bytes(last.read_bytes()[:-1] + b"!")
    with pytest.raises(Tampered):
        shop.restore(
            NOW + HOUR,
            path,
            keys_copy=Path(copy.path),
            since=(log,),
            home=shop.directory / "another",
        )


@pytest.mark.clause("1.2")
def test_nobody_stays_signed_on_through_a_restore(shop: Shop) -> None:
    """A link that was used, or a session that was ended, after the backup would be good again."""
    with shop.open(NOW) as system:
        with system.database.read() as tx:
            assert tx.execute(sa.select(schema.login_link.c.id)).first() is not None
        path = system.backups.path_of(shop.backup(system, NOW))
        copy = shop.copy_keys(system, NOW)
    shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), since=(shop.home,))
    with shop.open(NOW + HOUR, shop.directory / "restored") as system, system.database.read() as tx:
        for table in (schema.login_link, schema.login_session, schema.login_step):
            assert tx.execute(sa.select(table.c.id)).first() is None


def test_a_dry_run_reads_all_and_writes_nothing(shop: Shop) -> None:
    with shop.open(NOW) as system:
        shop.put(system, NOW, 1, 5)
        backup = shop.backup(system, NOW)
        path = system.backups.path_of(backup)
        copy = shop.copy_keys(system, NOW)
    found = inspect(shop.asked(path, keys_copy=Path(copy.path)))
    assert found.backup.total == backup.rows
    assert not (shop.directory / "restored").exists()


def test_a_restore_takes_an_empty_directory_alone(shop: Shop) -> None:
    with shop.open(NOW) as system:
        path = system.backups.path_of(shop.backup(system, NOW))
        copy = shop.copy_keys(system, NOW)
    restored = shop.directory / "restored"
    restored.mkdir(mode=0o700)
    (restored / "something").touch()
    with pytest.raises(Conflict, match="not empty"):
        shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path))
    with pytest.raises(Conflict, match="a home already"):
        shop.restore(NOW + HOUR, path, keys_copy=Path(copy.path), home=shop.home)


@pytest.mark.clause("2.5")
def test_no_secret_of_the_settings_is_in_a_backup(shop: Shop) -> None:
    toml = shop.home / "strongroom.toml"
    toml.write_text(toml.read_text() + '\n[oidc]\nclient_secret = "very secret"\n')
    with shop.open(NOW) as system:
        path = system.backups.path_of(shop.backup(system, NOW))
    found = inspect(shop.asked(path)).backup.header
    assert found is not None
    assert "very secret" not in found.settings
    assert load(shop.home, {}).oidc.client_secret == "very secret"
