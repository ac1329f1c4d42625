"""Ages of the installation's own secrets: what counts as a change, and what only looks like one."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from strongroom.db import schema
from strongroom.errors import Conflict, Malformed, NotFound
from strongroom.policy.secrets import SecretAge, SecretState
from strongroom.terms import PrincipalId, SellerId
from strongroom.vault import Held
from strongroom.vault.secrets import SystemSecrets
from tests.vault.conftest import CONSOLE, NOW, World

pytestmark = pytest.mark.clause("1.4")

DAY = timedelta(days=1)
MADE = NOW - 40 * DAY


def secrets_of(world: World) -> SystemSecrets:
    key = world.keystore.secret("system-secrets", NOW)
    return SystemSecrets(world.database, key, world.audit, world.environment)


def age(secrets: SystemSecrets, name: str) -> SecretAge:
    return next(found for found in secrets.ages() if found.name == name)


def rotations(world: World) -> int:
    return sum(entry.type == "secret.rotated" for entry in world.audit.events())


def test_a_secret_first_seen_is_as_old_as_the_home(world: World) -> None:
    secrets = secrets_of(world)
    secrets.observe({"vault-database": b"one"}, MADE, NOW)
    found = age(secrets, "vault-database")
    assert (found.since, found.ends_at) == (MADE, MADE + 90 * DAY)
    assert rotations(world) == 0
    # And it ages on, however often the home is opened.
    secrets_of(world).observe({"vault-database": b"one"}, MADE, NOW + 5 * DAY)
    assert age(secrets, "vault-database").since == MADE


def test_one_that_changed_in_the_settings_is_new_and_recorded(world: World) -> None:
    secrets = secrets_of(world)
    secrets.observe({"vault-database": b"one"}, MADE, NOW)
    secrets.observe({"vault-database": b"two"}, MADE, NOW + DAY)
    assert age(secrets, "vault-database").since == NOW + DAY
    assert rotations(world) == 1
    (entry,) = world.audit.tail(1)
    assert entry.body["obj"] == {"kind": "secret", "ref": "vault-database"}


def test_one_that_comes_back_is_not_new(world: World) -> None:
    """Two passwords in turn, or an old settings file: no quarter begins again."""
    secrets = secrets_of(world)
    for number, value in enumerate((b"one", b"two", b"three", b"one")):
        secrets.observe({"vault-database": value}, MADE, NOW + number * DAY)
    assert age(secrets, "vault-database").since == MADE
    for known in (b"one", b"two", b"three"):
        with pytest.raises(Conflict, match="before"):
            secrets.refuse_known("vault-database", known)
    secrets.refuse_known("vault-database", b"four")
    secrets.refuse_known("keystore-database", b"one")


def test_what_is_no_longer_in_use_is_not_listed(world: World) -> None:
    secrets = secrets_of(world)
    secrets.observe({"vault-database": b"one", "root-passphrase": b"file"}, MADE, NOW)
    assert [a.name for a in secrets.ages()][-2:] == ["root-passphrase", "vault-database"]
    secrets.observe({"root-passphrase": b"file"}, MADE, NOW)
    assert [a.name for a in secrets.ages()] == ["lwa:acme", "lwa:globex", "root-passphrase"]


def test_states_follow_the_limit() -> None:
    found = SecretAge("vault-database", NOW, 90 * DAY)
    assert found.state(NOW + 76 * DAY - timedelta(seconds=1)) is SecretState.OK
    assert found.state(NOW + 76 * DAY) is SecretState.SOON
    assert found.state(NOW + 90 * DAY) is SecretState.LATE


@pytest.mark.clause("2.5")
def test_nothing_of_a_secret_is_stored(world: World) -> None:
    secrets = secrets_of(world)
    secrets.observe({"vault-database": b"a password of the database"}, MADE, NOW)
    with world.database.read() as tx:
        (row,) = tx.execute(sa.select(schema.system_secret)).all()
    assert b"password" not in bytes(row.digests)
    assert len(row.digests) == 32
    assert "password of" not in repr(secrets)


# -- selling partners ------------------------------------------------------------------------------


def test_a_selling_partners_secret_is_as_old_as_its_entry_until_it_is_rotated(
    world: World,
) -> None:
    secrets, sellers = secrets_of(world), world.sellers
    assert age(secrets, "lwa:acme").ends_at == NOW + 180 * DAY
    before = sellers.get(SellerId(1))
    wanted = sellers.succeed(SellerId(1), "second", None)
    assert sellers.get(SellerId(1)) is before
    after = sellers.rotate(CONSOLE, wanted, secrets, NOW + DAY)
    assert sellers.get(SellerId(1)) is after
    assert after.credentials.client_secret == "second"
    assert after.credentials.refresh_token == before.credentials.refresh_token
    assert age(secrets, "lwa:acme").since == NOW + DAY
    types = [entry.type for entry in world.audit.tail(2)]
    assert types == ["seller.changed", "secret.rotated"]
    world.reopen()
    assert world.sellers.get(SellerId(1)).credentials == after.credentials


def test_a_client_secret_never_comes_back(world: World) -> None:
    secrets, sellers = secrets_of(world), world.sellers
    sellers.rotate(CONSOLE, sellers.succeed(SellerId(1), "second", "new"), secrets, NOW)
    assert sellers.get(SellerId(1)).credentials.refresh_token == "new"
    with pytest.raises(Conflict, match="in use already"):
        sellers.succeed(SellerId(1), "second", None)
    with pytest.raises(Conflict, match="before"):
        sellers.rotate(CONSOLE, sellers.succeed(SellerId(1), "secret", None), secrets, NOW)
    # Another selling partner's is its own affair.
    sellers.rotate(CONSOLE, sellers.succeed(SellerId(2), "second", None), secrets, NOW)


def test_a_rotation_puts_no_older_refresh_token_back_over_a_consent(world: World) -> None:
    """The credentials were read before Amazon was asked; a consent took effect meanwhile."""
    secrets, sellers = secrets_of(world), world.sellers
    wanted = sellers.succeed(SellerId(1), "second", None)
    brought = Held(7, PrincipalId(2), PrincipalId(1), int(NOW.timestamp()), "renewed")
    with world.database.write() as tx:
        world.audit.append(tx, sellers.consent(tx, CONSOLE, SellerId(1), brought), now=NOW)
    sellers.forget(SellerId(1))
    shown = sellers.held(SellerId(1), 7, NOW)
    sellers.approve(CONSOLE, shown, 7, NOW, one_person=True)
    with pytest.raises(Conflict, match="another rotation or consent"):
        sellers.rotate(CONSOLE, wanted, secrets, NOW)
    assert sellers.get(SellerId(1)).credentials.refresh_token == "renewed"
    assert sellers.get(SellerId(1)).credentials.client_secret == "secret"
    assert age(secrets, "lwa:acme").since == NOW
    # A rotation in between stands against an approval as well, and what is held outlives a rotation.
    with world.database.write() as tx:
        world.audit.append(tx, sellers.consent(tx, CONSOLE, SellerId(1), brought), now=NOW)
    sellers.forget(SellerId(1))
    shown = sellers.held(SellerId(1), 7, NOW)
    sellers.rotate(CONSOLE, sellers.succeed(SellerId(1), "second", None), secrets, NOW)
    with pytest.raises(Conflict, match="another rotation or consent"):
        sellers.approve(CONSOLE, shown, 7, NOW, one_person=True)
    shown = sellers.held(SellerId(1), 7, NOW)
    after = sellers.approve(CONSOLE, shown, 7, NOW, one_person=True).credentials
    assert (after.client_secret, after.refresh_token) == ("second", "renewed")


def test_empty_credentials_and_strangers_are_refused(world: World) -> None:
    for secret, refresh in (("", None), ("second", "")):
        with pytest.raises(Malformed):
            world.sellers.succeed(SellerId(1), secret, refresh)
    with pytest.raises(NotFound):
        world.sellers.succeed(SellerId(9), "second", None)
